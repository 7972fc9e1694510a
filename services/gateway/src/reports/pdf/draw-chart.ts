import type { AxisTick, DriftLine, LineChart, StackedBars, Tone } from '../document/blocks.ts'
import { bodyWidth, ink, paper, sizes, toneFill } from './paper.ts'
import type { Sheet } from './sheet.ts'

const TITLE = 20
const PLOT = 92
const BELOW = 20
const AXIS = 46
const LABELS_MAX = 9

interface Frame {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** Title, names of the parts at its right, and a frame for what is drawn; null when there is no room for more. */
function begin(sheet: Sheet, title: string, names: readonly Name[], height: number, axis: number): Frame | null {
  if (!sheet.room(TITLE + height + BELOW + 8)) return null
  sheet.line(title, paper.side, sheet.y, bodyWidth / 2, { size: sizes.body, weight: 'medium', color: ink.text })
  drawNames(sheet, names)
  const frame = { x: paper.side + axis, y: sheet.y + TITLE, width: bodyWidth - axis, height }
  sheet.y += TITLE + height + BELOW + 8
  return frame
}

interface Name {
  readonly text: string
  readonly fill: string
  readonly line?: 'solid' | 'dashed'
}

function drawNames(sheet: Sheet, names: readonly Name[]): void {
  const style = { size: sizes.axis, color: ink.text3 }
  let right = paper.side + bodyWidth
  for (const { text, fill, line } of [...names].reverse()) {
    const width = sheet.widthOf(text, style)
    sheet.line(text, right - width - 0.5, sheet.y + 2, width + 1, style)
    const mark = right - width - 14
    if (line === undefined) sheet.pdf.rect(mark + 3, sheet.y + 3, 7, 7).fill(fill)
    else {
      sheet.pdf.lineWidth(1.2).strokeColor(fill)
      if (line === 'dashed') sheet.pdf.dash(2.5, { space: 2 })
      sheet.pdf
        .moveTo(mark, sheet.y + 6.5)
        .lineTo(mark + 10, sheet.y + 6.5)
        .stroke()
        .undash()
    }
    right = mark - 10
  }
}

function drawGrid(sheet: Sheet, { x, y, width, height }: Frame, ticks: readonly AxisTick[], max: number): void {
  for (const { value, text } of ticks) {
    const at = y + height - (max === 0 ? 0 : value / max) * height
    sheet.pdf
      .moveTo(x, at)
      .lineTo(x + width, at)
      .lineWidth(0.5)
      .strokeColor(value === 0 ? ink.line2 : ink.line)
      .stroke()
    sheet.line(text, paper.side, at - 5, AXIS - 8, {
      size: sizes.axis,
      color: ink.text3,
      align: 'right',
      tabular: true,
    })
  }
}

const highest = (ticks: readonly AxisTick[]): number => Math.max(0, ...ticks.map(({ value }) => value))

export function drawBars(sheet: Sheet, chart: StackedBars): void {
  const used = chart.parts.map((_, part) => chart.bars.some(({ values }) => (values[part] ?? 0) > 0))
  const names = chart.parts
    .filter((_, part) => used[part])
    .map(({ name, tone }) => ({ text: name, fill: toneFill[tone] }))
  const frame = begin(sheet, chart.title, names, PLOT, AXIS)
  if (frame === null) return
  const max = highest(chart.ticks)
  drawGrid(sheet, frame, chart.ticks, max)
  const slot = frame.width / Math.max(1, chart.bars.length)
  const width = Math.min(26, slot * 0.72)
  const every = Math.ceil(chart.bars.length / LABELS_MAX)
  for (const [index, { label, values }] of chart.bars.entries()) {
    const middle = frame.x + slot * (index + 0.5)
    let y = frame.y + frame.height
    for (const [part, value] of values.entries()) {
      if (value <= 0 || max === 0) continue
      // One failure among thousands is what the chart is there to show.
      const height = Math.max(1, (value / max) * frame.height)
      y -= height
      sheet.pdf.rect(middle - width / 2, y, width, height).fill(toneFill[chart.parts[part]?.tone ?? 'plain'])
    }
    if (index % every !== 0) continue
    const style = { size: sizes.axis, color: ink.text3, align: 'center' } as const
    const room = slot * every
    sheet.line(label, middle - room / 2, frame.y + frame.height + 5, room, style)
  }
}

export function drawLines(sheet: Sheet, chart: LineChart): void {
  const styles = { ink: { fill: ink.series, line: 'solid' }, quiet: { fill: ink.calmLine, line: 'dashed' } } as const
  const names: Name[] = chart.lines.map(({ name, style }) => ({ text: name, ...styles[style] }))
  if (chart.band) names.push({ text: 'usual', fill: '#ececea' })
  const frame = begin(sheet, chart.title, chart.lines.length > 1 || chart.band ? names : [], PLOT, AXIS)
  if (frame === null) return
  const { pdf } = sheet
  const max = highest(chart.ticks)
  const x = (atMs: number): number =>
    frame.x + Math.min(1, Math.max(0, (atMs - chart.fromMs) / (chart.toMs - chart.fromMs || 1))) * frame.width
  const y = (value: number): number =>
    frame.y + frame.height - Math.min(1, Math.max(0, max === 0 ? 0 : value / max)) * frame.height
  for (const { fromMs, toMs, tone } of chart.spans) drawSpan(sheet, frame, x(fromMs), x(toMs), tone)
  if (chart.band) {
    const [top, bottom] = [y(chart.band.high), y(chart.band.low)]
    pdf
      .save()
      .fillOpacity(0.07)
      .rect(frame.x, top, frame.width, Math.max(0.5, bottom - top))
      .fill(ink.text)
      .restore()
  }
  drawGrid(sheet, frame, chart.ticks, max)
  if (chart.band) {
    const centre = y(chart.band.centre)
    pdf
      .moveTo(frame.x, centre)
      .lineTo(frame.x + frame.width, centre)
      .lineWidth(0.6)
    pdf.dash(2, { space: 2 }).strokeColor(ink.calmLine).stroke().undash()
  }
  for (const { points, style } of [...chart.lines].reverse()) {
    let isDrawing = false
    let lone: { x: number; y: number } | null = null
    pdf
      .lineJoin('round')
      .lineWidth(style === 'ink' ? 1.1 : 0.8)
      .strokeColor(styles[style].fill)
    if (style === 'quiet') pdf.dash(2.5, { space: 2 })
    for (const { atMs, value } of points) {
      if (value === null) {
        if (lone) pdf.lineTo(lone.x + 0.8, lone.y)
        isDrawing = false
        lone = null
      } else if (isDrawing) {
        pdf.lineTo(x(atMs), y(value))
        lone = null
      } else {
        lone = { x: x(atMs), y: y(value) }
        pdf.moveTo(lone.x, lone.y)
        isDrawing = true
      }
    }
    if (lone) pdf.lineTo(lone.x + 0.8, lone.y)
    if (points.length > 0) pdf.stroke()
    pdf.undash()
  }
  drawTimes(
    sheet,
    frame,
    chart.times.map(({ atMs, text }) => ({ x: x(atMs), text })),
  )
}

function drawSpan(sheet: Sheet, { y, height }: Frame, from: number, to: number, tone: Tone): void {
  const color = tone === 'crit' ? '#d8362a' : '#e0a024'
  const width = Math.max(0.8, to - from)
  sheet.pdf.save().fillOpacity(0.13).rect(from, y, width, height).fill(color).restore()
  sheet.pdf.rect(from, y - 1.5, width, 1.5).fill(tone === 'crit' ? ink.crit : ink.warn)
}

function drawTimes(sheet: Sheet, frame: Frame, times: readonly { readonly x: number; readonly text: string }[]): void {
  for (const { x, text } of times) {
    const left = Math.min(Math.max(x - 30, frame.x - 12), frame.x + frame.width - 48)
    sheet.line(text, left, frame.y + frame.height + 5, 60, { size: sizes.axis, color: ink.text3, align: 'center' })
  }
}

const DRIFT = 34

/** The drift line: distance from normal by height and band, above it to one side and below it to the other. */
export function drawDrift(sheet: Sheet, { title, points, fromMs, toMs }: DriftLine): void {
  const frame = begin(sheet, title, [], DRIFT, 0)
  if (frame === null) return
  sheet.y -= BELOW - 4
  const { pdf } = sheet
  const middle = frame.y + DRIFT / 2
  const x = (atMs: number): number => frame.x + ((atMs - fromMs) / (toMs - fromMs || 1)) * frame.width
  pdf
    .moveTo(frame.x, middle)
    .lineTo(frame.x + frame.width, middle)
    .lineWidth(0.9)
    .strokeColor(ink.calmLine)
    .stroke()
  const level = (score: number): number => Math.min(3, Math.max(0, Math.log2(Math.abs(score) / 2)))
  for (const side of [1, -1]) {
    for (let band = 0; band < 3; band++) {
      const heights = points.map(({ score }) =>
        Math.sign(score) === side && Math.abs(score) >= 4
          ? Math.min(1, Math.max(0, level(score) - band)) * (DRIFT / 2)
          : 0,
      )
      if (heights.every((height) => height === 0)) continue
      pdf.moveTo(x(points[0]!.atMs), middle)
      for (const [index, { atMs }] of points.entries()) pdf.lineTo(x(atMs), middle - side * heights[index]!)
      pdf.lineTo(x(points.at(-1)!.atMs), middle).fill((side === 1 ? ink.up : ink.down)[band]!)
    }
  }
}
