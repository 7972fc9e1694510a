import type { Json } from '@driftline/platform/metadata/tables'
import { type CheckAnswer, CheckFailure, type CheckType } from '../../check-type.ts'

/** What a scripted check does when it is asked; one entry for each attempt, the last one again and again. */
export type Act =
  | { readonly do: 'answer'; readonly facts?: Readonly<Record<string, Json>>; readonly afterMs?: number }
  | { readonly do: 'fail'; readonly retry?: 'never' | 'asked' | 'always'; readonly retryAfterMs?: number }
  /** Ends when its signal does, as it should. */
  | { readonly do: 'hang' }
  /** Does not heed its signal, and answers or fails long after. */
  | { readonly do: 'ignore'; readonly forMs: number; readonly then: 'answer' | 'fail' }
  | { readonly do: 'throw' }

export interface Scripted {
  readonly type: CheckType
  /** How often each script was asked. */
  readonly asked: Map<string, number>
  /** Scripts that are being asked right now, and the most at once. */
  readonly atOnce: { now: number; most: number }
  readonly closed: { times: number }
}

/** A check of type `rest` whose `url` names the script that it follows. For tests of the engine alone. */
export function createScripted(scripts: Readonly<Record<string, readonly Act[]>>): Scripted {
  const asked = new Map<string, number>()
  const atOnce = { now: 0, most: 0 }
  const closed = { times: 0 }
  const answerOf = (facts: Readonly<Record<string, Json>>): CheckAnswer => ({
    fact: (of, path) => facts[path ?? of],
    result: { status: facts.status ?? 200 },
    body: { text: `body of ${JSON.stringify(facts)}`, mediaType: 'application/json' },
    close: async () => {
      closed.times += 1
    },
  })
  const type: CheckType<'rest'> = {
    name: 'rest',
    async run({ url }, { signal, log, secret }) {
      const name = new URL(url).hostname
      const script = scripts[name] ?? [{ do: 'answer' }]
      const times = asked.get(name) ?? 0
      asked.set(name, times + 1)
      atOnce.now += 1
      atOnce.most = Math.max(atOnce.most, atOnce.now)
      try {
        secret('hunter2-hunter2')
        log(`asking ${url} with hunter2-hunter2`)
        return await act(script[Math.min(times, script.length - 1)]!, signal, log, answerOf)
      } finally {
        atOnce.now -= 1
      }
    },
  }
  return { type: type as CheckType, asked, atOnce, closed }
}

async function act(
  step: Act,
  signal: AbortSignal,
  log: (text: string) => void,
  answerOf: (facts: Readonly<Record<string, Json>>) => CheckAnswer,
): Promise<CheckAnswer> {
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
  if (step.do === 'answer') {
    if (step.afterMs !== undefined) await sleep(step.afterMs)
    return answerOf(step.facts ?? { status: 200 })
  }
  if (step.do === 'fail') {
    const { retry = 'asked', retryAfterMs = 0 } = step
    throw new CheckFailure('connection_refused', 'The target refused, hunter2-hunter2', { retry, retryAfterMs })
  }
  if (step.do === 'throw') throw new TypeError('a defect, with hunter2-hunter2')
  if (step.do === 'hang') {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    throw new CheckFailure('timeout', 'It did not answer in time')
  }
  await sleep(step.forMs)
  log('nobody may hear this')
  if (step.then === 'fail') throw new TypeError('nobody may hear this')
  return answerOf({ status: 200 })
}
