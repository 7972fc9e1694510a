import { checkTypes } from '@driftline/checks/types/check-types'
import type { Assertion } from '@driftline/checks/types/parts'
import type { Logger } from '@driftline/platform/logger'
import { judge } from '../assess/assertions.ts'
import { createMasker } from '../assess/masking.ts'
import { fillTemplates, type TemplateValues } from '../assess/templates.ts'
import { type CheckAnswer, type CheckContext, CheckFailure, type CheckType } from '../check-type.ts'
import type { PollAsker, PollQuestion } from './poll-reading.ts'

export interface PollAskerDeps {
  /** The type of check by its name; null for one that is not there. */
  readonly typeOf: (name: PollQuestion['type']) => CheckType | null
  /** What `{{product.url}}` and `{{demo.url}}` stand for. */
  readonly urls: () => { readonly product: string | null; readonly demo: string | null }
  readonly logger: Logger
}

/** Puts a poll's question the way a step's is put: the same types, guards, assertions and masks. */
export function createPollAsker(deps: PollAskerDeps): PollAsker {
  return {
    async ask(question, signal, take) {
      const type = deps.typeOf(question.type)
      if (type === null)
        throw new CheckFailure('config_invalid', `${question.type} cannot be polled`, { retry: 'never' })
      const masker = createMasker()
      const deadline = AbortSignal.timeout(Math.ceil(question.timeoutMs))
      const context: CheckContext = {
        tenant: question.tenant,
        process: question.process,
        signal: AbortSignal.any([signal, deadline]),
        deadlineMs: performance.now() + question.timeoutMs,
        startedMs: Date.now(),
        log: () => {},
        mask: (text) => masker.mask(text),
        secret: (text) => masker.add(text),
      }
      try {
        const config = readConfig(question, deps.urls())
        const answer = await beforeEnd(type.run(config as never, context), context.signal)
        try {
          await refuseFaults(answer, (config as { assertions: readonly Assertion[] }).assertions)
          return await take(answer, masker.mask)
        } finally {
          await answer.close?.()
        }
      } catch (error) {
        throw told(error, question, deadline, (text) => masker.mask(text))
      }
    },
  }
}

function readConfig(question: PollQuestion, urls: ReturnType<PollAskerDeps['urls']>): unknown {
  const names: TemplateValues['names'] = {
    'product.url': urls.product,
    'demo.url': urls.demo,
    'run.id': null,
    'run.startTime': null,
    'flow.name': null,
  }
  const filled = fillTemplates(question.type, question.checkConfiguration, { names, steps: new Map() })
  const parsed = checkTypes[question.type].schema.safeParse(filled)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new CheckFailure('config_invalid', `${issue?.path.join('.')}: ${issue?.message}`, { retry: 'never' })
}

/** A type that does not heed its signal does not hold up the turns of its poll. */
function beforeEnd(running: Promise<CheckAnswer>, signal: AbortSignal): Promise<CheckAnswer> {
  return new Promise((resolve, reject) => {
    let ended = false
    const end = (): void => {
      // Most types tell better than we can why they had to end: they have a moment for it.
      setTimeout(() => {
        ended = true
        reject(signal.reason)
      }, GRACE_MS).unref()
    }
    signal.addEventListener('abort', end, { once: true })
    running.then(
      (answer) => {
        signal.removeEventListener('abort', end)
        // Nobody waits for it any more, so nobody would hear that it could not be closed.
        if (ended) void Promise.resolve(answer.close?.()).catch(() => {})
        else resolve(answer)
      },
      (error: unknown) => {
        signal.removeEventListener('abort', end)
        reject(error)
      },
    )
  })
}

const GRACE_MS = 1000

async function refuseFaults(answer: CheckAnswer, assertions: readonly Assertion[]): Promise<void> {
  const fault = answer.faults?.find(({ of }) => !assertions.some((each) => each.of === of))
  const failure = fault?.failure ?? (await judge(answer, assertions))
  if (failure !== null && failure !== undefined) throw failure
}

function told(
  error: unknown,
  { timeoutMs }: PollQuestion,
  deadline: AbortSignal,
  mask: (text: string) => string,
): CheckFailure {
  if (deadline.aborted && !(error instanceof CheckFailure && error.reason === 'timeout')) {
    return new CheckFailure('timeout', `No answer within ${timeoutMs / 1000} s`, { retry: 'always', cause: error })
  }
  if (!(error instanceof CheckFailure)) {
    return new CheckFailure('internal', mask(error instanceof Error ? error.message : String(error)), { cause: error })
  }
  const { reason, message, hint, retry, retryAfterMs } = error
  return new CheckFailure(reason, mask(message), { hint: mask(hint), retry, retryAfterMs })
}
