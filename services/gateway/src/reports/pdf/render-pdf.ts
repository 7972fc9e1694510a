import type { Block, Readout, ReportDocument, Tone } from '../document/blocks.ts'
import { drawBars, drawDrift, drawLines } from './draw-chart.ts'
import { drawTable } from './draw-table.ts'
import { type Faces, loadFaces } from './faces.ts'
import { bodyWidth, ink, paper, sizes, toneInk } from './paper.ts'
import { createSheet, finish, numberPages, type Sheet } from './sheet.ts'

/** Pages of a report; what does not fit is left out, and the last page says so. */
export const PAGES_MAX = 120

export interface RenderedPdf {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly pages: number
  readonly isCut: boolean
}

let faces: Faces | undefined

/** A report on A4. Takes some hundred milliseconds for the largest, so a thread of its own does it. */
export async function renderPdf(report: ReportDocument, pagesMax: number = PAGES_MAX): Promise<RenderedPdf> {
  faces ??= loadFaces()
  const sheet = createSheet(faces, {
    title: `${report.title}, ${report.period}`,
    language: report.language,
    pagesMax,
    createdAt: new Date(report.generatedAtMs),
  })
  drawOpening(sheet, report)
  for (const [index, block] of report.blocks.entries()) {
    draw(sheet, block, report.blocks[index + 1])
    if (sheet.isFull()) break
  }
  const isCut = sheet.isFull()
  if (isCut) drawCut(sheet, pagesMax)
  const made = `Driftline · ${new Date(report.generatedAtMs).toISOString().replace('T', ' ').slice(0, 16)} UTC`
  const pages = numberPages(sheet, { title: report.title, period: report.period, made })
  return { bytes: await finish(sheet.pdf), pages, isCut }
}

function drawOpening(sheet: Sheet, { title, period, finding }: ReportDocument): void {
  sheet.y = 48
  sheet.pdf.rect(paper.side, sheet.y + 1, 3, 22).fill(ink.accent)
  sheet.line(title, paper.side + 12, sheet.y, bodyWidth - 12, {
    size: sizes.title,
    weight: 'semibold',
    color: ink.text,
  })
  sheet.y += 30
  sheet.line(period, paper.side + 12, sheet.y, bodyWidth - 12, { size: sizes.body, color: ink.text3 })
  sheet.y += 26
  const style = { size: sizes.finding, weight: 'medium', color: ink.text } as const
  for (const line of sheet.wrap(finding, bodyWidth, style, 6)) {
    sheet.line(line, paper.side, sheet.y, bodyWidth, style)
    sheet.y += 18
  }
  sheet.y += 8
}

function draw(sheet: Sheet, block: Block, next: Block | undefined): void {
  if (block.kind === 'heading') drawHeading(sheet, block, next)
  else if (block.kind === 'paragraph') drawParagraph(sheet, block.text, block.tone ?? 'plain')
  else if (block.kind === 'readouts') drawReadouts(sheet, block.items)
  else if (block.kind === 'table') drawTable(sheet, block.columns, block.rows)
  else if (block.kind === 'bars') drawBars(sheet, block)
  else if (block.kind === 'lines') drawLines(sheet, block)
  else drawDrift(sheet, block)
}

/** Room that what follows a heading wants, so that no heading stands alone at the foot of a page. */
const FOLLOWS: Record<Block['kind'], number> = {
  heading: 60,
  paragraph: 30,
  readouts: 120,
  table: 52,
  bars: 140,
  lines: 140,
  drift: 62,
}

function drawHeading(
  sheet: Sheet,
  { text, aside = '', level }: Extract<Block, { kind: 'heading' }>,
  next: Block | undefined,
): void {
  const isFirst = level === 1
  const size = isFirst ? sizes.heading : sizes.subheading
  if (!sheet.room((isFirst ? 34 : 24) + (next ? FOLLOWS[next.kind] : 0))) return
  if (isFirst && sheet.y > paper.top) {
    sheet.y += 8
    sheet.hairline(sheet.y, ink.line2)
    sheet.y += 12
  }
  const style = { size, weight: 'semibold', color: ink.text } as const
  const aw = aside === '' ? 0 : Math.min(bodyWidth * 0.6, sheet.widthOf(aside, { size: sizes.label }) + 2)
  sheet.line(text, paper.side, sheet.y, bodyWidth - aw - 10, style)
  if (aside !== '') {
    const at = paper.side + bodyWidth - aw
    sheet.line(aside, at, sheet.y + (isFirst ? 4 : 2), aw, { size: sizes.label, color: ink.text3, align: 'right' })
  }
  sheet.y += isFirst ? 24 : 18
}

function drawParagraph(sheet: Sheet, text: string, tone: Tone): void {
  const style = { size: sizes.body, color: toneInk[tone] }
  for (const line of sheet.wrap(text, bodyWidth, style, 12)) {
    if (!sheet.room(14)) return
    sheet.line(line, paper.side, sheet.y, bodyWidth, style)
    sheet.y += 13
  }
  sheet.y += 6
}

function drawReadouts(sheet: Sheet, items: readonly Readout[]): void {
  const perRow = Math.min(6, Math.max(1, items.length))
  const width = bodyWidth / perRow
  for (let at = 0; at < items.length; at += perRow) {
    if (!sheet.room(46)) return
    for (const [index, { label, value, tone = 'strong' }] of items.slice(at, at + perRow).entries()) {
      const x = paper.side + index * width
      sheet.line(label, x, sheet.y, width - 8, { size: sizes.label, color: ink.text3 })
      const style = { size: 14, weight: 'medium', color: toneInk[tone], tabular: true } as const
      sheet.line(value, x, sheet.y + 12, width - 8, style)
    }
    sheet.y += 40
  }
  sheet.y += 4
}

/** Below the body of the last page, where nothing else is. */
function drawCut(sheet: Sheet, pagesMax: number): void {
  const text = `Cut after ${pagesMax} pages. Choose fewer processes or a shorter period; the CSV and the JSON hold everything.`
  sheet.line(text, paper.side, paper.height - paper.bottom, bodyWidth, {
    size: sizes.label,
    weight: 'medium',
    color: ink.crit,
  })
}
