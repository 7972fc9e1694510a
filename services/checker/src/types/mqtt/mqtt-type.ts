import type { MqttConfig } from '@driftline/checks/types/known'
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

/** So far back the latest value is looked for. */
const LOOK_BACK_MS = 7 * 86_400_000
const RAW_MS = 86_400_000

/** The latest value of a device's metric, from what was received already. */
export const createMqttType: CreateCheckType<'mqtt'> = (tools) => ({
  name: 'mqtt',
  run: (config, context) => askUntil(context, config, () => ask(tools, config, context)),
})

async function ask({ analytics, clock }: CheckTools, config: MqttConfig, context: CheckContext): Promise<CheckAnswer> {
  const { process, metric, attributes } = config
  const what = seriesInWords(process, metric, attributes)
  const ids = await seriesOf(analytics, context.signal, { tenant: context.tenant, process, metric, attributes })
  const toMs = clock.nowMs()
  const window = (lengthMs: number) =>
    readWindow(analytics, context.signal, ids, { fromMs: toMs - lengthMs, toMs, aggregation: 'last' })
  const recent = await window(RAW_MS)
  const { value, newestMs } = recent.count > 0 ? recent : await window(LOOK_BACK_MS)
  if (value === undefined) {
    throw new CheckFailure('value_missing', `No value of ${what} within 7 d`, {
      hint: 'See whether its source still sends, under Sources',
    })
  }
  const age = Math.max(0, clock.nowMs() - newestMs) / 1000
  const facts = new Map([
    ['value', value],
    ['age', age],
  ])
  const tooOld = new CheckFailure(
    'assertion_failed',
    `latest value is ${secondsInWords(age)} old, expected at most ${secondsInWords(config.ageSecondsMax)}`,
    { hint: `See whether ${process} still sends` },
  )
  return {
    fact: (of) => facts.get(of),
    result: { value, age: Math.round(age * 1000) / 1000, time: new Date(newestMs).toISOString() },
    faults: age > config.ageSecondsMax ? [{ of: 'age', failure: tooOld }] : [],
  }
}
