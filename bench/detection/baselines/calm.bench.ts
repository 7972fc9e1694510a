import { createBaselineRig, createDice } from '@driftline/analyzer/baseline/baseline-rig'
import { createPerformanceDegradation } from '@driftline/analyzer/detectors/performance-degradation/detector'
import { Severity } from '@driftline/proto'
import { kindsOfProcesses, type MadeUpProcess } from './processes.ts'

/** How many false excursions processes make that run as ever, and how many faults of them are found how soon. */

const print = (...parts: unknown[]): void => void process.stdout.write(`${parts.join(' ')}\n`)
const DAY = 86_400
/** Monday. */
const START = Date.UTC(2026, 0, 5)
const FAULT_S = 300
const options = new Map(process.argv.slice(2).map((text) => text.split('=') as [string, string]))
const days = Number(options.get('days') ?? 7)
const each = Number(options.get('each') ?? 4)
const step = Number(options.get('step') ?? 1)
const only = options.get('only')

interface Row {
  readonly kind: string
  readonly share: number
  readonly processDays: number
  /** By severity: info, warning, critical. */
  readonly all: number[]
  readonly afterFirstDay: number[]
}

const made = (kind: (typeof kindsOfProcesses)[number], seed: number): MadeUpProcess =>
  kind.make(createDice(seed * 7919 + kind.kind.length * 104_729), kind.kind)

const chosen = kindsOfProcesses.filter(
  ({ kind }) => only === undefined || only.split('|').some((part) => kind.includes(part)),
)

function calm(): Row[] {
  return chosen.map((kind) => {
    const processes = Array.from({ length: each }, (_, seed) => made(kind, seed + 1))
    const tracks = processes.map(({ metric }, at) => ({ metric, process: `service:made-up-${at}` }))
    const rig = createBaselineRig(tracks, createPerformanceDegradation())
    const values = new Float64Array(each)
    for (let s = 0; s < days * DAY; s += step) {
      for (let at = 0; at < each; at++) values[at] = processes[at]!.next(s)
      rig.feed(START + s * 1000, values)
    }
    const count = (from: number): number[] =>
      [Severity.INFO, Severity.WARNING, Severity.CRITICAL].map(
        (severity) =>
          rig.excursions.filter((e) => e.severity === severity && e.openedMs >= START + from * DAY * 1000).length,
      )
    if (only !== undefined) {
      for (const e of rig.excursions.slice(0, 60)) {
        const { value, centre, expectedHigh, expectedLow } = e.finding
        const lasted = Math.round((e.lastMs - e.startMs) / 1000)
        print(
          new Date(e.startMs).toISOString(),
          e.track,
          e.severity,
          lasted,
          's',
          value,
          centre,
          expectedLow,
          expectedHigh,
        )
      }
    }
    return { kind: kind.kind, share: kind.share, processDays: each * days, all: count(0), afterFirstDay: count(1) }
  })
}

interface Found {
  faults: number
  found: number
  soon: number
  later: number
  laterSoon: number
  readonly delays: number[]
}

/** Faults of five minutes at random times, one in two days, from the second day on. */
function faults(multiple: number): Map<string, Found> {
  const results = new Map<string, Found>()
  for (const kind of chosen) {
    const dice = createDice(multiple * 1000 + kind.kind.length)
    const processes = Array.from({ length: each }, (_, seed) => made(kind, seed + 1))
    const tracks = processes.map(({ metric }, at) => ({ metric, process: `service:made-up-${at}` }))
    const rig = createBaselineRig(tracks, createPerformanceDegradation())
    const result: Found = { faults: 0, found: 0, soon: 0, later: 0, laterSoon: 0, delays: [] }
    const starts: number[] = []
    for (let s = DAY; s < days * DAY; s += 2 * DAY) starts.push(Math.floor(s + dice.uniform() * 1.5 * DAY))
    const values = new Float64Array(each)
    let next = 0
    for (let s = 0; s < days * DAY; s += step) {
      if (next < starts.length && s >= starts[next]! + FAULT_S) next += 1
      const isFault = next < starts.length && s >= starts[next]!
      for (let at = 0; at < each; at++) {
        const { fault, metric } = processes[at]!
        const value = processes[at]!.next(s)
        const wrong = fault.kind === 'times' ? value * multiple : Math.max(0, value + fault.amount * (multiple - 1))
        values[at] = isFault ? (metric === 'io_share' ? Math.min(1, wrong) : wrong) : value
      }
      rig.feed(START + s * 1000, values)
    }
    for (const start of starts) {
      for (let at = 0; at < each; at++) {
        const from = START + start * 1000
        const found = rig.excursions.find(
          (e) => e.track === at && e.openedMs > from && e.openedMs <= from + FAULT_S * 1000,
        )
        const isLater = start >= 8 * DAY
        result.faults += 1
        if (isLater) result.later += 1
        if (only !== undefined) print(new Date(from).toISOString(), at, found ? 'found' : 'missed')
        if (!found) continue
        result.found += 1
        result.delays.push((found.openedMs - from) / 1000)
        if (found.openedMs - from > 15_000) continue
        result.soon += 1
        if (isLater) result.laterSoon += 1
      }
    }
    results.set(kind.kind, result)
  }
  return results
}

const perDay = (count: number, processDays: number): string => (count / processDays).toFixed(3)
const percent = (part: number, whole: number): string => (whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`)

const began = performance.now()
const rows = calm()
const values = rows.reduce((sum, row) => sum + (row.processDays * DAY) / step, 0)
print('kind                              info/d  warn/d  crit/d | after the first day')
const total = { all: [0, 0, 0], after: [0, 0, 0], shares: 0 }
for (const { kind, share, processDays, all, afterFirstDay } of rows) {
  const later = (processDays * (days - 1)) / days
  const cells = [
    ...all.map((count) => perDay(count, processDays)),
    '|',
    ...afterFirstDay.map((count) => perDay(count, later)),
  ]
  print(kind.padEnd(32), ...cells.map((cell) => cell.padStart(7)))
  total.shares += share
  for (let i = 0; i < 3; i++) {
    total.all[i]! += (share * all[i]!) / processDays
    total.after[i]! += (share * afterFirstDay[i]!) / later
  }
}
const mean = (sums: readonly number[]): string[] => sums.map((sum) => (sum / total.shares).toFixed(4).padStart(7))
print('as mixed'.padEnd(32), ...mean(total.all), '      |', ...mean(total.after))
print(`${((performance.now() - began) * 1e6) / values} ns per value, with making it up`)

for (const multiple of (options.get('multiples') ?? '2,3').split(',').filter(Boolean).map(Number)) {
  print(`\nfaults of ${multiple} times`)
  let soon = 0
  let all = 0
  let later = 0
  let laterAll = 0
  for (const [kind, { faults: count, found, soon: early, later: laterCount, laterSoon, delays }] of faults(multiple)) {
    delays.sort((a, b) => a - b)
    print(
      kind.padEnd(32),
      percent(found, count).padStart(8),
      percent(early, count).padStart(8),
      'median',
      delays[delays.length >> 1] ?? '-',
    )
    if (chosen.find((one) => one.kind === kind)!.make(createDice(1), '').fault.kind === 'times') {
      soon += early
      all += count
      later += laterSoon
      laterAll += laterCount
    }
  }
  print('steady ones, within 15 s', percent(soon, all), 'from the second week on', percent(later, laterAll))
}
