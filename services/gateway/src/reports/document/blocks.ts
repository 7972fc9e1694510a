/** What a status or a value is like; paper has a colour for each, and never the colour alone. */
export type Tone = 'plain' | 'quiet' | 'strong' | 'ok' | 'warn' | 'crit'

export interface Cell {
  readonly text: string
  readonly tone?: Tone
}

export interface Column {
  readonly title: string
  readonly align: 'left' | 'right'
  /** Share of the width; columns get theirs of the sum. */
  readonly weight: number
}

export interface Readout {
  readonly label: string
  readonly value: string
  readonly tone?: Tone
}

/** A bar in parts, from the bottom; parts of one bar stand for the same unit. */
export interface StackedBars {
  readonly kind: 'bars'
  readonly title: string
  /** What the parts are called and how they look, in their order. */
  readonly parts: readonly { readonly name: string; readonly tone: Tone }[]
  readonly bars: readonly { readonly label: string; readonly values: readonly number[] }[]
  /** Of the axis. */
  readonly ticks: readonly AxisTick[]
}

export interface AxisTick {
  readonly value: number
  readonly text: string
}

/** Lines over time; `null` is a gap, which stays one. */
export interface LineChart {
  readonly kind: 'lines'
  readonly title: string
  readonly fromMs: number
  readonly toMs: number
  readonly ticks: readonly AxisTick[]
  readonly times: readonly { readonly atMs: number; readonly text: string }[]
  readonly lines: readonly {
    readonly name: string
    readonly style: 'ink' | 'quiet'
    readonly points: readonly { readonly atMs: number; readonly value: number | null }[]
  }[]
  /** What is usual, from `low` to `high`. */
  readonly band?: { readonly low: number; readonly high: number; readonly centre: number }
  /** When something was wrong. */
  readonly spans: readonly { readonly fromMs: number; readonly toMs: number; readonly tone: 'warn' | 'crit' }[]
}

/** The drift line of LOOK.md over the period. */
export interface DriftLine {
  readonly kind: 'drift'
  readonly title: string
  readonly fromMs: number
  readonly toMs: number
  readonly points: readonly { readonly atMs: number; readonly score: number }[]
}

export type Block =
  | { readonly kind: 'heading'; readonly text: string; readonly aside?: string; readonly level: 1 | 2 }
  | { readonly kind: 'paragraph'; readonly text: string; readonly tone?: Tone }
  | { readonly kind: 'readouts'; readonly items: readonly Readout[] }
  | { readonly kind: 'table'; readonly columns: readonly Column[]; readonly rows: readonly (readonly Cell[])[] }
  | StackedBars
  | LineChart
  | DriftLine

/** A report as it is read; a thread of its own makes a PDF of it, so it is plain data. */
export interface ReportDocument {
  readonly title: string
  /** Such as `16 to 23 Nov 2026, Asia/Kolkata`. */
  readonly period: string
  /** What there is to know, in one sentence. */
  readonly finding: string
  readonly generatedAtMs: number
  /** BCP 47. */
  readonly language: string
  readonly blocks: readonly Block[]
}
