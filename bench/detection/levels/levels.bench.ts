import { fromBinary } from '@bufbuild/protobuf'
import { AnomalyPhase, AnomalySchema, Severity, topics } from '../../../proto/src/index.ts'
import { defaultDetectionConfig } from '../../../services/analyzer/src/config.ts'
import { createDetectionEngine } from '../../../services/analyzer/src/detection/engine.ts'
import { engineParts } from '../../../services/analyzer/src/detection/registry.ts'
import { createDice, kinds, type MadeUpSeries } from './series.ts'

const START_MS = Date.UTC(2026, 0, 5)
const DAY_S = 86_400
const DAYS = Number(process.argv[2] ?? 3)
const PER_KIND = Number(process.argv[3] ?? 2)
/** Faults of ten minutes, one per series in each stretch of so many seconds of the last day. */
const FAULT_EVERY_S = 6 * 3600
const FAULT_S = 600
const FOUND_WITHIN_S = 15

interface Told {
  readonly series: number
  readonly type: string
  readonly startS: number
  readonly openedS: number
  closedS: number
  severity: Severity
}

/** Runs series over a day or more on the real engine, each a device of its own; the faults begin after `calmDays`. */
function run(all: readonly MadeUpSeries[], days: number, faultOf: (series: number, second: number) => number): Told[] {
  const engine = createDetectionEngine({ ...defaultDetectionConfig, bucketMs: 1000 }, engineParts, null)
  const unit = engine.addUnit('default/device:plant-a:press-3', 'default')
  const tracks = all.map((_, at) => {
    const process = engine.addProcess(unit, `device:plant-a:press-${at}`)
    return engine.addPlainTrack(process, { metric: 'value', attributes: '{}', unit: '1' })
  })
  const told = new Map<string, Told>()
  for (let second = 0; second < days * DAY_S; second++) {
    for (const [at, series] of all.entries()) {
      if (second % series.intervalS !== 0) continue
      const value = series.valueAt(second)
      engine.put(tracks[at]!, value * faultOf(at, second))
    }
    const startMs = START_MS + second * 1000
    engine.judge(unit, { startMs, endMs: startMs + 1000, lives: [] })
    const { records, failures } = engine.takeOutput()
    if (failures.length > 0) throw failures[0]!.error
    for (const { topic, value } of records) {
      if (topic !== topics.anomalies.name) continue
      const anomaly = fromBinary(AnomalySchema, value)
      const known = told.get(anomaly.id)
      const { phase, type, severity } = anomaly
      if (phase === AnomalyPhase.OPENED) {
        const series = Number(anomaly.process.split('-').at(-1))
        const startS = (Number(anomaly.startTimeMs) - START_MS) / 1000
        told.set(anomaly.id, { series, type, startS, openedS: second, closedS: Number.NaN, severity })
      } else if (known !== undefined) {
        known.severity = Math.max(known.severity, severity)
        if (phase === AnomalyPhase.CLOSED) known.closedS = second
      }
    }
  }
  return [...told.values()]
}

const write = (...columns: (string | number)[]): void => {
  const [first = '', ...rest] = columns.map(String)
  process.stdout.write(`${first.padEnd(58)}${rest.map((column) => column.padStart(12)).join('')}\n`)
}

const make = (): MadeUpSeries[] =>
  kinds.flatMap(({ make: makeOne }, kind) =>
    Array.from({ length: PER_KIND }, (_, at) => makeOne(createDice(kind * 100 + at))),
  )

const kindOf = (series: number): number => Math.floor(series / PER_KIND)

const calm = run(make(), DAYS, () => 1)
const perDay = (type: string, isWanted: (told: Told) => boolean, days: number, kind?: number): string => {
  const matching = calm.filter((told) => told.type === type && isWanted(told))
  const ofKind = kind === undefined ? matching : matching.filter(({ series }) => kindOf(series) === kind)
  return (ofKind.length / (PER_KIND * (kind === undefined ? kinds.length : 1)) / days).toFixed(3)
}
const isWarning = ({ severity }: Told): boolean => severity >= Severity.WARNING
const isFirstDay = ({ openedS }: Told): boolean => openedS < DAY_S

write(
  `nothing wrong, ${DAYS} days, per series and day`,
  'level day 1',
  'later',
  'critical',
  'str. warn',
  'str. info',
  'missing',
)
for (const [kind, { name }] of [...kinds.entries(), [undefined, { name: 'all' }] as const]) {
  write(
    name,
    perDay('level_shift', (told) => isWarning(told) && isFirstDay(told), 1, kind),
    perDay('level_shift', (told) => isWarning(told) && !isFirstDay(told), DAYS - 1, kind),
    perDay('level_shift', ({ severity }) => severity === Severity.CRITICAL, DAYS, kind),
    perDay('streaming', isWarning, DAYS, kind),
    perDay('streaming', (told) => !isWarning(told), DAYS, kind),
    perDay('missing_data', () => true, DAYS, kind),
  )
}

const SAMPLED_S = 60

/** Values in order, each SAMPLED_S seconds from `fromS` on. */
function sampled(series: MadeUpSeries, fromS: number, tillS: number): number[] {
  const values: number[] = []
  for (let second = 0; second < tillS; second += series.intervalS) {
    const value = series.valueAt(second)
    if (second >= fromS && second % SAMPLED_S === 0) values.push(value)
  }
  return values.sort((a, b) => a - b)
}

/** Whether the changed level is outside of what the series shows on a day, by a quarter of that or a tenth of itself. */
function isApart(series: MadeUpSeries, fromS: number, factor: number): boolean {
  const values = sampled(series, 0, DAY_S)
  const low = values[Math.floor(values.length * 0.01)]!
  const high = values[Math.floor(values.length * 0.99)]!
  const usual = values[values.length >> 1]!
  const level = factor * usual
  const apart = Math.max((high - low) / 2, 0.1 * Math.abs(usual))
  return fromS > 0 && (level > high + apart || level < low - apart)
}

interface Tally {
  wanted: number
  found: number
  inTime: number
  closedInTime: number
}

/** Each series has one kind of fault, at another time than the series beside it. */
function faults(label: string, factor: number): void {
  const all = make()
  const fresh = make()
  const startOf = (series: number): number => DAY_S / 2 + (series % 12) * 1000 + 7
  const during = (series: number, second: number): boolean =>
    second >= startOf(series) && (second - startOf(series)) % FAULT_EVERY_S < FAULT_S
  const told = run(all, 1, (series, second) => (during(series, second) ? factor : 1))
  const tallies = { apart: tally(), within: tally() }
  const missed = new Map<string, number>()
  for (const [series, { intervalS }] of all.entries()) {
    const startS = startOf(series)
    const isOutside = isApart(fresh[series]!, startS, factor)
    const sum = isOutside ? tallies.apart : tallies.within
    for (let faultS = startS; faultS + FAULT_S < DAY_S; faultS += FAULT_EVERY_S) {
      sum.wanted += 1
      const own = told.filter((each) => each.series === series && each.type === 'level_shift')
      const hit = own.find(({ openedS }) => openedS >= faultS && openedS < faultS + FAULT_S)
      const name = kinds[kindOf(series)]!.name
      if (hit === undefined) {
        if (isOutside) missed.set(name, (missed.get(name) ?? 0) + 1)
        continue
      }
      sum.found += 1
      // The fault begins between two values, and a level needs the second and a third one to last.
      if (hit.openedS - faultS <= Math.max(FOUND_WITHIN_S, 4 * intervalS)) sum.inTime += 1
      if (hit.closedS - faultS - FAULT_S <= Math.max(20, 3 * intervalS)) sum.closedInTime += 1
    }
  }
  for (const [where, { wanted, found, inTime, closedInTime }] of Object.entries(tallies)) {
    const percent = (count: number): string => (wanted === 0 ? '-' : `${((100 * count) / wanted).toFixed(0)} %`)
    write(`${label}, ${where}`, wanted, percent(found), percent(inTime), percent(closedInTime))
  }
  if (missed.size > 0) write(`   missed: ${[...missed].map(([name, count]) => `${name} ${count}`).join(', ')}`)
}

const tally = (): Tally => ({ wanted: 0, found: 0, inTime: 0, closedInTime: 0 })

process.stdout.write('\n')
write('a level of 10 min, apart from or within the usual range', 'faults', 'found', 'in time', 'closed')
faults('times 2', 2)
faults('times 4', 4)
faults('half', 0.5)
faults('zero', 0)
