import type { Cell, Column } from '../document/blocks.ts'
import { bodyWidth, ink, paper, sizes, toneInk } from './paper.ts'
import type { Sheet, TextStyle } from './sheet.ts'

const GAP = 8
const PAD = 4
const LEADING = 11
const HEADER = 17
/** Lines of a cell; what is longer is cut. */
const LINES_MAX = 3

/** A table that breaks between rows; its header stands at the top of every page that it reaches. */
export function drawTable(sheet: Sheet, columns: readonly Column[], rows: readonly (readonly Cell[])[]): void {
  const places = placesOf(columns)
  const heights = (row: readonly string[][]): number =>
    PAD * 2 + LEADING * Math.max(1, ...row.map((cell) => cell.length))
  let isBegun = false
  for (const row of rows) {
    const lines = places.map(({ width }, index) => {
      const cell = row[index]
      return cell === undefined ? [] : sheet.wrap(cell.text, width, styleOf(cell, columns[index]!), LINES_MAX)
    })
    const height = heights(lines)
    const broke = isBegun && height > sheet.left()
    if (!sheet.room(isBegun ? height : HEADER + height)) return
    if (broke || !isBegun) drawHeader(sheet, columns, places)
    isBegun = true
    for (const [index, place] of places.entries()) {
      const cell = row[index]
      if (cell === undefined) continue
      const style = styleOf(cell, columns[index]!)
      for (const [at, line] of (lines[index] ?? []).entries()) {
        sheet.line(line, place.x, sheet.y + PAD + at * LEADING, place.width, style)
      }
    }
    sheet.y += height
    sheet.hairline(sheet.y)
  }
  sheet.y += 10
}

function drawHeader(sheet: Sheet, columns: readonly Column[], places: readonly Place[]): void {
  const style = { size: sizes.label, color: ink.text3 }
  for (const [index, { title, align }] of columns.entries()) {
    const place = places[index]!
    sheet.line(title, place.x, sheet.y + 3, place.width, { ...style, align })
  }
  sheet.y += HEADER
  sheet.hairline(sheet.y, ink.line2)
}

interface Place {
  readonly x: number
  readonly width: number
}

function placesOf(columns: readonly Column[]): Place[] {
  const all = columns.reduce((sum, { weight }) => sum + weight, 0)
  const free = bodyWidth - GAP * (columns.length - 1)
  let x: number = paper.side
  return columns.map(({ weight }) => {
    const place = { x, width: (free * weight) / all }
    x += place.width + GAP
    return place
  })
}

function styleOf({ tone = 'plain' }: Cell, { align }: Column): TextStyle {
  const isBold = tone === 'strong' || tone === 'crit' || tone === 'warn'
  return {
    size: sizes.table,
    weight: isBold ? 'medium' : 'regular',
    color: toneInk[tone],
    align,
    tabular: align === 'right',
  }
}
