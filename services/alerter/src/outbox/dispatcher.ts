import type { Component } from '@driftline/platform/lifecycle'
import type { Sender } from '../channels/channel.ts'
import type { AlerterTiming } from '../config.ts'
import { createLane, type Lane, type LaneDeps } from './lane.ts'
import type { Leased } from './outbox.ts'

/** Sends what is in the outbox, each channel by itself: one that hangs holds up no other. */
export interface Dispatcher extends Component {
  /** Something was written to the outbox. */
  wake(): void
}

export function createDispatcher<Delivery extends Leased>(
  channels: readonly Sender<Delivery>[],
  timing: AlerterTiming,
  deps: LaneDeps<Delivery>,
): Dispatcher {
  let lanes: Lane[] = []
  let timers: NodeJS.Timeout[] = []
  const wake = (): void => {
    for (const lane of lanes) lane.wake()
  }
  const renew = (): void => {
    // One that cannot be renewed may be taken over and sent twice: no worse than the crash that leases are for.
    deps.outbox.renew(lanes.flatMap((lane) => lane.inFlight())).catch((error: unknown) => {
      deps.logger.warn({ error }, 'leases could not be renewed')
    })
  }
  return {
    name: 'alert-dispatcher',
    wake,
    async start() {
      lanes = channels.map((channel) => createLane(channel, timing, deps))
      timers = [setInterval(wake, timing.outboxEveryMs), setInterval(renew, timing.leaseMs / 3)]
      wake()
    },
    async stop() {
      clearInterval(timers[0])
      await Promise.all(lanes.map((lane) => lane.stop()))
      clearInterval(timers[1])
      lanes = []
    },
  }
}
