// How grey drift lines of made-up processes are while nothing is wrong, and how many faults colour them.
//   npx tsx bench/detection/baselines/drift.bench.ts each=2 days=3
import { createDice } from '@driftline/analyzer/baseline/baseline-rig'
import { createBaselines } from '@driftline/analyzer/baseline/baselines'
import { kpiNumber, kpis } from '@driftline/proto'
import { kindsOfProcesses } from './processes.ts'

const options = new Map(process.argv.slice(2).map((text) => text.split('=') as [string, string]))
const days = Number(options.get('days') ?? 3)
const each = Number(options.get('each') ?? 2)
const START = Date.UTC(2026, 0, 5)
const LEARNING = 5
const FAULT_EVERY = 97
const print = (text: string): void => void process.stdout.write(`${text}\n`)

interface Count {
  minutes: number
  grey: number
  /** Of the first hour alone. */
  youngMinutes: number
  youngGrey: number
  faults: number
  coloured: number
}

function measure(kind: (typeof kindsOfProcesses)[number]): Count {
  const count: Count = { minutes: 0, grey: 0, youngMinutes: 0, youngGrey: 0, faults: 0, coloured: 0 }
  for (let seed = 1; seed <= each; seed++) {
    const made = kind.make(createDice(seed * 7919 + kind.kind.length * 104_729), kind.kind)
    const kpi = kpiNumber(made.metric)
    const baselines = createBaselines({ baselineWindowMs: 7 * 86_400_000, tracksMax: 1 })
    const tracks = {
      size: 1,
      process: new Int32Array(1),
      kpi: Int8Array.of(kpi),
      metric: () => made.metric,
      attributes: () => '',
      unit: () => kpis[kpi]?.unit ?? '1',
      ofPrograms: () => false,
    }
    for (let minute = 0; minute < days * 1440; minute++) {
      let sum = 0
      for (let second = 0; second < 60; second++) sum += made.next(minute * 60 + second)
      const value = sum / 60
      const startMs = START + minute * 60_000
      baselines.moveTo(startMs)
      if (minute >= LEARNING) judge(count, minute, baselines.deviation(0, value))
      if (minute >= LEARNING && minute % FAULT_EVERY === LEARNING) {
        const wrong = made.fault.kind === 'times' ? value * 2 : Math.max(0, value + made.fault.amount)
        const capped = made.metric === 'io_share' ? Math.min(1, wrong) : wrong
        count.faults += 1
        if (Math.abs(baselines.deviation(0, capped)) > 4) count.coloured += 1
      }
      const columns = { count: 1, track: new Int32Array(1), value: Float64Array.of(value) }
      baselines.learn({ unit: 0, startMs, endMs: startMs + 60_000, ...columns, lives: [] }, tracks)
    }
  }
  return count
}

function judge(count: Count, minute: number, deviation: number): void {
  const isGrey = Math.abs(deviation) < 4 ? 1 : 0
  count.minutes += 1
  count.grey += isGrey
  if (minute >= 60) return
  count.youngMinutes += 1
  count.youngGrey += isGrey
}

const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(2)} %`.padStart(9)
print(`kind                              grey      first hour  faults coloured (twice, or an amount on top)`)
const mixed = { grey: 0, young: 0, coloured: 0, shares: 0 }
for (const kind of kindsOfProcesses) {
  const { minutes, grey, youngMinutes, youngGrey, faults, coloured } = measure(kind)
  const cells = [percent(grey, minutes), percent(youngGrey, youngMinutes), percent(coloured, faults)]
  print(`${kind.kind.padEnd(32)}${cells.join('   ')}`)
  mixed.grey += (kind.share * grey) / minutes
  mixed.young += (kind.share * youngGrey) / youngMinutes
  mixed.coloured += (kind.share * coloured) / faults
  mixed.shares += kind.share
}
const all = [mixed.grey, mixed.young, mixed.coloured].map((sum) => percent(sum, mixed.shares))
print(`${'as mixed'.padEnd(32)}${all.join('   ')}`)
