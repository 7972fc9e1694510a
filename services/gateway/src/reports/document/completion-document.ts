import type { ReportFormat } from '../report-format.ts'
import type { CompletionReport, FlowCompletion } from '../report-schemas.ts'
import { countTicks, durationTicks } from './axis.ts'
import type { Block, Cell, Column, LineChart, Readout, StackedBars, Tone } from './blocks.ts'
import { beyond, periodText } from './period-text.ts'

type Outcome = CompletionReport['totals']

/** A completion report as it is read: all flows first, then each. */
export function completionBlocks(report: CompletionReport, format: ReportFormat): Block[] {
  const { flows, totals, processesLeftOut } = report
  const several = flows.length > 1
  return [
    ...(several || flows.length === 0 ? [readouts(totals, format)] : []),
    ...(several ? [flowTable(flows, format)] : []),
    ...beyond(processesLeftOut, format),
    ...flows.flatMap((flow) => flowBlocks(flow, several, format)),
  ]
}

export const completionTitle = ({ flows }: CompletionReport): string =>
  flows.length === 1 ? `Completion of ${flows[0]!.name}` : 'Process completion'

export const completionPeriod = ({ period }: CompletionReport, format: ReportFormat): string =>
  periodText(period, format)

const rateTone = (rate: number | null): Tone =>
  rate === null || rate >= 0.99 ? 'strong' : rate >= 0.9 ? 'warn' : 'crit'

function readouts(outcome: Outcome, format: ReportFormat): Block {
  const { runs, succeeded, failed, timeout, cancelled, interrupted, successRate, medianTime, p95Time } = outcome
  const items: Readout[] = [
    { label: 'Runs', value: format.count(runs) },
    { label: 'Success rate', value: format.share(successRate), tone: rateTone(successRate) },
    { label: 'Succeeded', value: format.count(succeeded) },
    {
      label: 'Failed, timed out',
      value: format.count(failed + timeout),
      tone: failed + timeout > 0 ? 'crit' : 'strong',
    },
    { label: 'Median duration', value: format.duration(medianTime) },
    { label: 'p95 duration', value: format.duration(p95Time) },
  ]
  if (cancelled > 0) items.push({ label: 'Cancelled', value: format.count(cancelled) })
  if (interrupted > 0) items.push({ label: 'Interrupted', value: format.count(interrupted), tone: 'warn' })
  return { kind: 'readouts', items }
}

const column = (title: string, align: Column['align'], weight: number): Column => ({ title, align, weight })

/** Zero is quiet: what did not happen needs no eye. */
const few = (value: number, tone: Tone, format: ReportFormat): Cell => ({
  text: format.count(value),
  tone: value === 0 ? 'quiet' : tone,
})

const outcomeColumns = [
  column('Runs', 'right', 10),
  column('Success', 'right', 11),
  column('Failed', 'right', 9),
  column('Timeout', 'right', 9),
  column('Other', 'right', 8),
  column('Median', 'right', 13),
  column('p95', 'right', 13),
]

function outcomeCells(outcome: Outcome, format: ReportFormat): Cell[] {
  const { runs, failed, timeout, cancelled, interrupted, successRate, medianTime, p95Time } = outcome
  const tone = rateTone(successRate)
  return [
    { text: format.count(runs) },
    { text: format.share(successRate), tone: tone === 'strong' ? 'plain' : tone },
    few(failed, 'crit', format),
    few(timeout, 'warn', format),
    few(cancelled + interrupted, 'plain', format),
    { text: format.duration(medianTime) },
    { text: format.duration(p95Time) },
  ]
}

function flowTable(flows: readonly FlowCompletion[], format: ReportFormat): Block {
  return {
    kind: 'table',
    columns: [column('Business process', 'left', 36), ...outcomeColumns],
    rows: flows.map((flow) => [{ text: flow.name, tone: 'strong' }, ...outcomeCells(flow, format)]),
  }
}

function flowBlocks(flow: FlowCompletion, several: boolean, format: ReportFormat): Block[] {
  const heading: Block = { kind: 'heading', level: 1, text: flow.name, aside: flow.category || flow.processId }
  const blocks: Block[] = several ? [heading] : []
  if (flow.runs === 0) return [...blocks, { kind: 'paragraph', tone: 'quiet', text: 'No run was made in this period.' }]
  return [
    ...blocks,
    readouts(flow, format),
    ...streakBlocks(flow, format),
    ...dayCharts(flow, format),
    ...failureBlocks(flow, format),
    ...stepBlocks(flow, format),
    ...dayBlocks(flow, format),
  ]
}

function streakBlocks({ longestFailureStreak: streak }: FlowCompletion, format: ReportFormat): Block[] {
  if (streak === null || streak.runs < 2) return []
  const [from, to] = [format.moment(Date.parse(streak.from)), format.moment(Date.parse(streak.to))]
  const text = `The longest row of failures was ${format.count(streak.runs)} runs, from ${from} to ${to}.`
  return [{ kind: 'paragraph', text }]
}

function dayCharts({ days }: FlowCompletion, format: ReportFormat): Block[] {
  if (days.length < 2) return []
  const bars: StackedBars = {
    kind: 'bars',
    title: 'Runs per day',
    parts: [
      { name: 'succeeded', tone: 'ok' },
      { name: 'cancelled, interrupted', tone: 'quiet' },
      { name: 'timed out', tone: 'warn' },
      { name: 'failed', tone: 'crit' },
    ],
    bars: days.map(({ day, succeeded, cancelled, interrupted, timeout, failed }) => ({
      label: format.weekday(day),
      values: [succeeded, cancelled + interrupted, timeout, failed],
    })),
    ticks: countTicks(Math.max(...days.map(({ runs }) => runs)), format),
  }
  const at = days.map(({ day }) => Date.parse(day))
  const highest = Math.max(0, ...days.map(({ p95Time }) => p95Time ?? 0))
  const pick = Math.max(1, Math.ceil(days.length / 7))
  const lines: LineChart = {
    kind: 'lines',
    title: 'Duration of successful runs',
    fromMs: at[0]!,
    toMs: at.at(-1)!,
    ticks: durationTicks(highest, format),
    times: days.flatMap(({ day }, index) =>
      index % pick === 0 ? [{ atMs: at[index]!, text: format.weekday(day) }] : [],
    ),
    lines: [
      { name: 'median', style: 'ink', points: days.map(({ medianTime }, i) => ({ atMs: at[i]!, value: medianTime })) },
      { name: 'p95', style: 'quiet', points: days.map(({ p95Time }, i) => ({ atMs: at[i]!, value: p95Time })) },
    ],
    spans: [],
  }
  return highest > 0 ? [bars, lines] : [bars]
}

const words = (reason: string): string => reason.replaceAll('_', ' ')

function failureBlocks({ failures, failuresLeftOut }: FlowCompletion, format: ReportFormat): Block[] {
  if (failures.length === 0) return []
  const rows = failures.map(({ stepNumber, stepName, status, reason, message, count, lastTime }) => [
    { text: `${stepNumber}  ${stepName}`, tone: 'strong' as const },
    { text: reason === '' ? status : words(reason), tone: status === 'failed' ? ('crit' as const) : ('warn' as const) },
    { text: message },
    { text: format.count(count), tone: 'strong' as const },
    { text: format.moment(Date.parse(lastTime)) },
  ])
  const columns = [
    column('Step', 'left', 22),
    column('Reason', 'left', 19),
    column('Newest message', 'left', 38),
    column('Times', 'right', 8),
    column('Last', 'right', 21),
  ]
  const more = `${format.count(failuresLeftOut)} less frequent kinds of failures are not shown.`
  return [
    { kind: 'heading', level: 2, text: 'What failed', aside: 'most frequent first' },
    { kind: 'table', columns, rows },
    ...(failuresLeftOut > 0 ? [{ kind: 'paragraph', tone: 'quiet', text: more } as const] : []),
  ]
}

function stepBlocks({ steps }: FlowCompletion, format: ReportFormat): Block[] {
  if (steps.length === 0) return []
  return [
    { kind: 'heading', level: 2, text: 'Steps', aside: 'durations of successes' },
    {
      kind: 'table',
      columns: [column('Step', 'left', 36), ...outcomeColumns],
      rows: steps.map((step) => [
        { text: `${step.stepNumber}  ${step.name}`, tone: 'strong' },
        ...outcomeCells(step, format),
      ]),
    },
  ]
}

function dayBlocks({ days }: FlowCompletion, format: ReportFormat): Block[] {
  return [
    { kind: 'heading', level: 2, text: 'Days', aside: format.timeZone },
    {
      kind: 'table',
      columns: [column('Day', 'left', 36), ...outcomeColumns],
      rows: days.map((day) => [{ text: format.weekday(day.day) }, ...outcomeCells(day, format)]),
    },
  ]
}
