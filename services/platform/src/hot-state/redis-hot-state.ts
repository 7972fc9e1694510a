import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { AppError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { HotState } from './hot-state.ts'
import { checkCount, checkKey, checkTtl, checkValue } from './values.ts'

export interface RedisHotStateConfig {
  /** `redis://` or, with TLS, `rediss://` `user:password@host:port/database`. */
  readonly url: string
  /** Starts every key, so that others may share the server; `driftline:` by default. */
  readonly keyPrefix?: string
  /** How long `start` waits for a server that does not answer yet; 30 s by default. */
  readonly startWithinMs?: number
}

const CONNECT_TIMEOUT_MS = 2000
const COMMAND_TIMEOUT_MS = 1000
const SILENCE_TIMEOUT_MS = 3000
const RECONNECT_PAUSE_MS_MAX = 1000
const READY_POLL_MS = 20

const INCREMENT = `
local current = redis.call('GET', KEYS[1]) or '0'
if not (current == '0' or string.match(current, '^-?[1-9]%d*$')) then return false end
local count = tonumber(current) + tonumber(ARGV[1])
if math.abs(count) > 9007199254740991 then return false end
redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return string.format('%.0f', count)`

const ACQUIRE = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`

const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`

/**
 * Hot state that several processes share. While Redis is away every call fails at once with `hot_state_unavailable`;
 * a call that was under way then is not repeated, for it may have counted. The connection comes back by itself.
 */
export function createRedisHotState(config: RedisHotStateConfig, deps: { readonly logger: Logger }): HotState {
  const name = 'hot-state-redis'
  const prefix = config.keyPrefix ?? 'driftline:'
  const valueKey = (key: string): string => `${prefix}value:${checkKey(key)}`
  const leaseKey = (key: string): string => `${prefix}lease:${checkKey(key)}`
  const redis = connectLater(config.url)
  let stopped = false
  let lastError: Error | undefined
  redis.on('error', (error: Error) => {
    if (error.message !== lastError?.message) deps.logger.warn({ component: name, reason: error.message }, 'lost Redis')
    lastError = error
  })
  redis.on('ready', () => {
    lastError = undefined
  })
  const call = async <T>(command: () => Promise<T>): Promise<T> => {
    if (stopped) throw new AppError('stopped', 'The hot state has been stopped')
    try {
      return await command()
    } catch (cause) {
      if (stopped) throw new AppError('stopped', 'The hot state has been stopped', { cause })
      throw unavailable(cause as Error)
    }
  }

  return {
    name,
    async start() {
      const giveUpAtMs = Date.now() + (config.startWithinMs ?? 30_000)
      redis.connect().catch(() => {})
      while (redis.status !== 'ready') {
        if (stopped) throw new AppError('stopped', 'The hot state has been stopped')
        if (Date.now() > giveUpAtMs) throw unavailable(lastError ?? new Error('no answer'))
        await sleep(READY_POLL_MS)
      }
    },
    async stop() {
      stopped = true
      redis.disconnect()
    },
    async get(key) {
      const where = valueKey(key)
      return call(() => redis.get(where))
    },
    async set(key, value, ttlMs) {
      const where = valueKey(key)
      checkValue(value)
      checkTtl(ttlMs)
      await call(() => redis.set(where, value, 'PX', ttlMs))
    },
    async delete(key) {
      const where = valueKey(key)
      await call(() => redis.del(where))
    },
    async increment(key, by, ttlMs) {
      const where = valueKey(key)
      checkTtl(ttlMs)
      checkCount(by)
      const count = await call(() => redis.eval(INCREMENT, 1, where, by, ttlMs))
      return checkCount(count === null ? Number.NaN : Number(count))
    },
    async acquireLease(lease, owner, ttlMs) {
      const where = leaseKey(lease)
      checkValue(owner)
      checkTtl(ttlMs)
      return (await call(() => redis.eval(ACQUIRE, 1, where, owner, ttlMs))) === 1
    },
    async releaseLease(lease, owner) {
      const where = leaseKey(lease)
      await call(() => redis.eval(RELEASE, 1, where, owner))
    },
  }
}

function connectLater(url: string): Redis {
  return new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: SILENCE_TIMEOUT_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 10), RECONNECT_PAUSE_MS_MAX),
  })
}

function unavailable(cause: Error): AppError {
  return new AppError('hot_state_unavailable', `Redis does not serve now: ${cause.message}`, { retryable: true, cause })
}
