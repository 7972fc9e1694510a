import type { Clock } from '@driftline/platform/clock'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import { processId } from '@driftline/proto/ids'
import type { AgentConfig } from './config.ts'
import { type Installation, takeInstallation } from './installation.ts'
import { createReader } from './platform-reader.ts'
import { createDescribe, type Describe } from './privacy.ts'
import type { ProcessReader } from './reader.ts'
import { createScanner } from './scanner.ts'
import { createSchedule, type Schedule } from './schedule.ts'
import { createSpool, type Spool } from './spool.ts'
import { createUplink, type Uplink } from './uplink.ts'
import { AGENT_VERSION } from './version.ts'

const SEGMENT_BYTES = 4 * 1024 * 1024
const SEGMENTS_MIN = 4
const SILENCE_MS = 30_000
const BACKOFF = { backoffFirstMs: 500, backoffMaxMs: 30_000 }

export interface AgentDeps {
  readonly logger: Logger
  readonly clock: Clock
  /** In place of the one for this platform. */
  readonly reader?: ProcessReader
}

/**
 * The host agent: scans, spools and sends until it is stopped. It starts whether the server is there or not.
 * Errors of `start`: `data_dir_locked`, `data_dir_unusable`.
 */
export function createAgent(config: AgentConfig, deps: AgentDeps): Component {
  const logger = deps.logger.child({ component: 'agent' })
  let parts: Parts | null = null
  return {
    name: 'agent',
    start: async () => {
      const installation = takeInstallation(config.spoolDir, deps.clock.nowMs())
      try {
        parts = await startParts(config, { ...deps, logger }, installation)
      } catch (error) {
        installation.release()
        throw error
      }
    },
    stop: async () => {
      if (parts === null) return
      const { schedule, uplink, reader, spool, installation } = parts
      parts = null
      await schedule.stop()
      await uplink.stop()
      reader.close()
      spool.close()
      installation.release()
    },
  }
}

interface Parts {
  readonly schedule: Schedule
  readonly uplink: Uplink
  readonly reader: ProcessReader
  readonly spool: Spool
  readonly installation: Installation
}

async function startParts(config: AgentConfig, deps: AgentDeps, installation: Installation): Promise<Parts> {
  const { logger, clock } = deps
  const { epoch, source, bootTimeMs } = installation
  const segmentBytes = Math.min(SEGMENT_BYTES, Math.floor(config.spoolBytesMax / SEGMENTS_MIN))
  const spool = createSpool({ directory: config.spoolDir, bytesMax: config.spoolBytesMax, segmentBytes }, epoch)
  const describe = describeFor(config)
  const reader = deps.reader ?? (await createReader(config, { describe, clock, bootTimeMs }))
  const facts = await reader.facts()
  installation.rememberBoot(facts.bootTimeMs)
  const scanner = createScanner(config, { reader, spool, facts, clock, logger, epoch })
  await scanner.prime()
  const uplink = createUplink(
    { ...config, ...BACKOFF, host: config.hostName, source, agentVersion: AGENT_VERSION, silenceMs: SILENCE_MS },
    { spool, logger, onRefusal: scanner.requestKeyFrame },
  )
  // The start time is as good as random: agents that read the same second do not all send at once.
  const schedule = createSchedule(config.intervalMs, epoch % config.intervalMs, {
    nowMs: () => clock.nowMs(),
    run: async () => {
      await scanner.scan({ skippedScans: schedule.skipped(), refusedBatches: uplink.refused() })
      uplink.notify()
    },
  })
  uplink.start()
  schedule.start()
  logger.info({ host: config.hostName, server: config.server, source }, 'watching this host')
  return { schedule, uplink, reader, spool, installation }
}

function describeFor(config: AgentConfig): Describe {
  const describe = createDescribe(config.privacy, (group) => processId('os', config.hostName, group))
  const { ownGroup } = config
  if (ownGroup === undefined) return describe
  return (raw) => describe(raw.pid === process.pid ? { ...raw, unit: ownGroup } : raw)
}
