import type { Bus } from '@driftline/platform/bus/bus'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { DetectionStore } from '../access/detection-settings.ts'
import { settingsRecord } from './settings-record.ts'

/** How often it is looked for what could not be published when it was set. */
const AGAIN_MS = 5000
const AT_ONCE = 500

export interface SettingsPublisher extends Component {
  /** Tells the detectors what they have not been told; answers whether all of it went out. Never throws. */
  publish(): Promise<boolean>
}

/**
 * Brings settings of detection from the metadata store to the bus. One pass after the other, each with the newest state,
 * so that an older version never follows a newer one.
 */
export function createSettingsPublisher(deps: {
  bus: Bus
  detection: DetectionStore
  logger: Logger
}): SettingsPublisher {
  const { bus, detection, logger } = deps
  let tail: Promise<unknown> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined

  const pass = async (): Promise<boolean> => {
    try {
      const waiting = await detection.unpublished(AT_ONCE)
      if (waiting.length > 0) await bus.publish(waiting.map(settingsRecord))
      for (const told of waiting) await detection.markPublished(told)
      return waiting.length < AT_ONCE
    } catch (error) {
      logger.warn({ error }, 'could not tell the detectors what was set; trying again')
      return false
    }
  }

  const publish = (): Promise<boolean> => {
    const next = tail.then(pass)
    tail = next
    return next
  }

  return {
    name: 'settings-publisher',
    publish,
    async start() {
      await publish()
      timer = setInterval(() => void publish(), AGAIN_MS).unref()
    },
    async stop() {
      clearInterval(timer)
      await tail
    },
  }
}
