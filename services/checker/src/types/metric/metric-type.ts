import type { MetricConfig } from '@driftline/checks/types/known'
import {
  type CheckAnswer,
  type CheckContext,
  CheckFailure,
  type CheckTools,
  type CreateCheckType,
} from '../../check-type.ts'
import { readWindow, seriesOf } from '../known/series-values.ts'
import { askUntil } from '../known/waiting.ts'
import { secondsInWords, seriesInWords } from '../known/words.ts'

/** A metric of any process over the last while, from what was received already. */
export const createMetricType: CreateCheckType<'metric'> = (tools) => ({
  name: 'metric',
  run: (config, context) => askUntil(context, config, () => ask(tools, config, context)),
})

async function ask(
  { analytics, clock }: CheckTools,
  config: MetricConfig,
  context: CheckContext,
): Promise<CheckAnswer> {
  const { process, metric, attributes, aggregation, overSeconds } = config
  const ids = await seriesOf(analytics, context.signal, { tenant: context.tenant, process, metric, attributes })
  const toMs = clock.nowMs()
  const window = { fromMs: toMs - overSeconds * 1000, toMs, aggregation }
  const { value, count, newestMs } = await readWindow(analytics, context.signal, ids, window)
  const age = count === 0 ? undefined : Math.max(0, clock.nowMs() - newestMs) / 1000
  const facts = new Map([
    ['value', value],
    ['count', count],
    ['age', age],
  ])
  return {
    fact: (of) => facts.get(of),
    result: {
      value: value ?? null,
      count,
      aggregation,
      overSeconds,
      ...(age !== undefined && { age: Math.round(age * 1000) / 1000 }),
    },
    faults: value === undefined && !allowsNothing(config) ? [{ of: '', failure: nothing(config) }] : [],
  }
}

/** Somebody who counts, or says that there must be none, knows that there may be none. */
const allowsNothing = ({ assertions }: MetricConfig): boolean =>
  assertions.some(({ of, is }) => of === 'count' || is === 'missing')

function nothing({ process, metric, attributes, overSeconds }: MetricConfig): CheckFailure {
  const what = seriesInWords(process, metric, attributes)
  return new CheckFailure('value_missing', `No value of ${what} within ${secondsInWords(overSeconds)}`, {
    hint: `See whether ${process} is still heard from, or look back over a longer time`,
  })
}
