import type { Clock } from '@driftline/platform/clock'
import type { HotState } from '@driftline/platform/hot-state/hot-state'

export interface Limit {
  readonly requestsPerSecond: number
  readonly concurrent: number
}

/** The line before one host. */
export interface HostTurns {
  /** A function that ends the turn, or how many waited when the signal ended or the line was full. */
  enter(limit: Limit, signal: AbortSignal): Promise<(() => void) | { readonly waiting: number }>
  isIdle(): boolean
  stop(): Promise<void>
}

interface Waiter {
  readonly limit: Limit
  readonly admit: (place: Place) => void
}

/** One of the `concurrent` places of a host, held by this instance as a lease and used by one request after another. */
interface Place {
  readonly index: number
  inUse: boolean
  // Of `performance.now()`: the wall clock may be set back, and leases would then not be renewed.
  readonly sinceMs: number
  renewedMs: number
  usedMs: number
}

const WAITING_MAX = 1000
/** A crashed holder's place comes free after this. */
const LEASE_MS = 15_000
const RENEW_AFTER_MS = 5000
/** A place is given up after this, so that other instances come to their turn. */
const HOLD_MS_MAX = 2000
const IDLE_MS_MAX = 1000
const ASK_AGAIN_MS = 100
const CONTENDED_MS = 10_000
const PLACES_TRIED = 4

export function createHostTurns(deps: {
  readonly key: string
  readonly owner: string
  /** Null: this instance is alone with it. */
  readonly hotState: Pick<HotState, 'increment' | 'acquireLease' | 'releaseLease'> | null
  readonly clock: Clock
}): HostTurns {
  const { key, owner, hotState, clock } = deps
  const line: Waiter[] = []
  const places = new Map<number, Place>()
  let allowance = { window: -1, left: 0, isSpent: false }
  let alone = { window: -1, used: 0 }
  let contendedUntilMs = 0
  let isServing = false
  let serveAgain = false
  let timer: NodeJS.Timeout | undefined
  let sweeper: NodeJS.Timeout | undefined
  let stopped = false

  const leaseOf = (index: number): string => `checker-place:${key}:${index}`
  const later = (ms: number): void => {
    clearTimeout(timer)
    timer = setTimeout(serve, ms)
  }
  const giveUp = (place: Place): void => {
    places.delete(place.index)
    hotState?.releaseLease(leaseOf(place.index), owner).catch(() => {})
  }

  /** A place that is free here, or one more of the host's. */
  async function findPlace(concurrent: number): Promise<Place | null> {
    for (const place of places.values()) if (!place.inUse && place.index < concurrent) return place
    const open = freeIndexes(places, concurrent)
    for (const index of open.slice(0, PLACES_TRIED)) {
      if (!(await lease(index))) {
        contendedUntilMs = performance.now() + CONTENDED_MS
        continue
      }
      const nowMs = performance.now()
      const place: Place = { index, inUse: false, sinceMs: nowMs, renewedMs: nowMs, usedMs: nowMs }
      places.set(index, place)
      sweeper ??= setInterval(sweep, IDLE_MS_MAX / 2).unref()
      return place
    }
    return null
  }

  /** Without the hot state each instance keeps the limits by itself: checks go on. */
  async function lease(index: number): Promise<boolean> {
    if (hotState === null) return true
    return hotState.acquireLease(leaseOf(index), owner, LEASE_MS).catch(() => true)
  }

  /** Whether a request may begin in this window; asks for as many at once as could begin now. */
  async function mayBegin(limit: Limit): Promise<{ ok: boolean; waitMs: number }> {
    const { windowMs, perWindow } = windowOf(limit.requestsPerSecond)
    const nowMs = clock.nowMs()
    const window = Math.floor(nowMs / windowMs)
    const waitMs = Math.max(1, (window + 1) * windowMs - nowMs)
    if (allowance.window !== window) allowance = { window, left: 0, isSpent: false }
    if (alone.window !== window) alone = { window, used: 0 }
    if (alone.used >= perWindow || allowance.isSpent) return { ok: false, waitMs }
    if (allowance.left === 0) {
      const inUse = [...places.values()].filter((place) => place.inUse).length
      const wanted = Math.max(1, Math.min(line.length, limit.concurrent - inUse, perWindow - alone.used))
      allowance.left = await reserve(window, windowMs, perWindow, wanted)
    }
    allowance.isSpent = allowance.left === 0
    if (allowance.isSpent) return { ok: false, waitMs }
    allowance.left--
    alone.used++
    return { ok: true, waitMs: 0 }
  }

  async function reserve(window: number, windowMs: number, perWindow: number, wanted: number): Promise<number> {
    if (hotState === null) return wanted
    try {
      const name = `checker-rate:${key}:${windowMs}:${window}`
      const count = await hotState.increment(name, wanted, Math.ceil(windowMs * 2))
      return Math.max(0, Math.min(wanted, perWindow - (count - wanted)))
    } catch {
      return wanted
    }
  }

  /** Admits those in front of the line, one server at a time so that nobody is overtaken. */
  function serve(): void {
    serveAgain = true
    if (isServing) return
    isServing = true
    serveLine().finally(() => {
      isServing = false
      if (serveAgain && !stopped) serve()
    })
  }

  async function serveLine(): Promise<void> {
    while (serveAgain) {
      serveAgain = false
      while (line.length > 0 && !stopped) {
        const { limit } = line[0]!
        const place = await findPlace(limit.concurrent)
        if (place === null) {
          later(ASK_AGAIN_MS * (0.5 + Math.random()))
          break
        }
        place.inUse = true
        const { ok, waitMs } = await mayBegin(limit)
        // Whoever waited may have given up meanwhile.
        const next = ok ? line.shift() : undefined
        if (next === undefined) place.inUse = false
        else next.admit(place)
        if (!ok) {
          later(waitMs)
          break
        }
      }
    }
  }

  function leave(place: Place): void {
    const nowMs = performance.now()
    place.inUse = false
    place.usedMs = nowMs
    const isContended = hotState !== null && nowMs < contendedUntilMs
    if (isContended && nowMs - place.sinceMs > HOLD_MS_MAX) {
      giveUp(place)
      later(ASK_AGAIN_MS * (0.5 + Math.random()))
    } else if (line.length > 0) serve()
  }

  /** Renews what is in use, gives up what is not. */
  function sweep(): void {
    const nowMs = performance.now()
    for (const place of [...places.values()]) {
      if (!place.inUse && nowMs - place.usedMs >= IDLE_MS_MAX) giveUp(place)
      else if (nowMs - place.renewedMs >= RENEW_AFTER_MS) {
        place.renewedMs = nowMs
        lease(place.index).then((held) => {
          // Another has it: it stays in use here until its request ends, and is then nobody's.
          if (!held && places.get(place.index) === place) places.delete(place.index)
        })
      }
    }
    if (places.size > 0) return
    clearInterval(sweeper)
    sweeper = undefined
  }

  return {
    enter(limit, signal) {
      if (signal.aborted || stopped || line.length >= WAITING_MAX) return Promise.resolve({ waiting: line.length })
      return new Promise((resolve) => {
        const onAbort = (): void => {
          const at = line.indexOf(waiter)
          if (at >= 0) line.splice(at, 1)
          resolve({ waiting: line.length })
        }
        const waiter: Waiter = {
          limit,
          admit(place) {
            signal.removeEventListener('abort', onAbort)
            let isOver = false
            resolve(() => {
              if (!isOver) leave(place)
              isOver = true
            })
          },
        }
        signal.addEventListener('abort', onAbort, { once: true })
        line.push(waiter)
        serve()
      })
    },
    isIdle: () => line.length === 0 && places.size === 0,
    async stop() {
      stopped = true
      clearTimeout(timer)
      clearInterval(sweeper)
      const held = [...places.keys()]
      places.clear()
      await Promise.all(held.map((index) => hotState?.releaseLease(leaseOf(index), owner).catch(() => {})))
    },
  }
}

/** Numbers of places that are not held here, from a random one on: instances do not all ask for the same. */
function freeIndexes(places: ReadonlyMap<number, Place>, concurrent: number): number[] {
  const first = Math.floor(Math.random() * concurrent)
  const open: number[] = []
  for (let offset = 0; offset < concurrent && open.length < PLACES_TRIED; offset++) {
    const index = (first + offset) % concurrent
    if (!places.has(index)) open.push(index)
  }
  return open
}

/** Whole requests in whole windows: 10/s is 10 in each second, 0.2/s one in each 5 s, 1.5/s three in each 2 s. */
export function windowOf(requestsPerSecond: number): { readonly windowMs: number; readonly perWindow: number } {
  if (requestsPerSecond < 1) return { windowMs: Math.ceil(1000 / requestsPerSecond), perWindow: 1 }
  const seconds = Number.isInteger(requestsPerSecond) ? 1 : 2
  return { windowMs: seconds * 1000, perWindow: Math.floor(requestsPerSecond * seconds) }
}
