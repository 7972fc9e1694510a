import { appendFileSync } from 'node:fs'
import { connectAsync } from 'mqtt'

/** Numbered messages that flow until they are stopped, whatever becomes of the receiver meanwhile. */
export interface Flow {
  /** Numbers that the receiver has acknowledged. */
  readonly acknowledged: ReadonlySet<number>
  /** Sends no more, and resolves when all that was sent is acknowledged. */
  finish(): Promise<void>
}

const AGAIN_AFTER_MS = 100

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Some at once, each with a pause behind it; `send` resolves once its number is acknowledged. */
function flow(
  { atOnce, pauseMs }: { readonly atOnce: number; readonly pauseMs: number },
  send: (number: number) => Promise<void>,
  close?: () => Promise<void>,
): Flow {
  const acknowledged = new Set<number>()
  let isOver = false
  let next = 0
  const run = async (): Promise<void> => {
    while (!isOver) {
      const number = next++
      await send(number)
      acknowledged.add(number)
      await pause(pauseMs)
    }
  }
  const running = Promise.all(Array.from({ length: atOnce }, run))
  return {
    acknowledged,
    async finish() {
      isOver = true
      await running
      await close?.()
    },
  }
}

/** Messages with QoS 1, some at once; a client that loses its connection publishes again what was not acknowledged. */
export async function publishOn(broker: string, topic: string): Promise<Flow> {
  const client = await connectAsync(broker, {
    protocolVersion: 4,
    reconnectPeriod: AGAIN_AFTER_MS,
    clean: false,
    clientId: 'flow',
  })
  const send = async (number: number): Promise<void> => {
    await client.publishAsync(topic, JSON.stringify({ number, mark: `m${number}m` }), { qos: 1 })
  }
  return flow({ atOnce: 8, pauseMs: 10 }, send, () => client.endAsync())
}

/** Lines of a log; each is there once it is written. */
export function writeLines(file: string): Flow {
  return flow({ atOnce: 1, pauseMs: 5 }, async (number) =>
    appendFileSync(file, `${new Date().toISOString()} INFO line m${number}m is written\n`),
  )
}

/** Samples of a service, one for each second from `fromMs` on, sent again until they are accepted. */
export function pushSamples(url: string, key: string, process: string, fromMs: number): Flow {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const send = async (number: number): Promise<void> => {
    const time = new Date(fromMs + number * 1000).toISOString()
    const body = JSON.stringify([{ process, metric: 'orders.open', value: number, time }])
    for (;;) {
      const accepted = await fetch(url, { method: 'POST', headers, body }).then(
        async (answer) => answer.ok && ((await answer.json()) as { accepted: number }).accepted === 1,
        () => false,
      )
      if (accepted) return
      await pause(AGAIN_AFTER_MS)
    }
  }
  // No faster: there are no more seconds in the past than raw retention and a test have.
  return flow({ atOnce: 2, pauseMs: 100 }, send)
}
