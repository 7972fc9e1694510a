import type { Tone } from '../document/blocks.ts'

/** The light theme of the web app, for ink on paper. */
export const ink = {
  text: '#17191a',
  text2: '#474f52',
  text3: '#5e6668',
  line: '#e3e0d7',
  line2: '#cbc8bd',
  accent: '#08776c',
  series: '#23292b',
  calm: '#c6c8c2',
  calmLine: '#868a84',
  ok: '#42695b',
  warn: '#935e00',
  crit: '#b0121a',
  silent: '#626b6f',
  up: ['#ad7a16', '#c44d04', '#9c0a12'],
  down: ['#5187c3', '#4457d2', '#5d129f'],
} as const

export const toneInk: Record<Tone, string> = {
  plain: ink.text2,
  quiet: ink.text3,
  strong: ink.text,
  ok: ink.ok,
  warn: ink.warn,
  crit: ink.crit,
}

/** Parts of bars: what is as it should be stays grey. */
export const toneFill: Record<Tone, string> = {
  plain: ink.calm,
  quiet: '#dedcd4',
  strong: ink.series,
  ok: ink.calm,
  warn: '#c98a1e',
  crit: ink.crit,
}

/** A4 in points. */
export const paper = { width: 595.28, height: 841.89, side: 48, top: 62, bottom: 58 } as const
export const bodyWidth = paper.width - 2 * paper.side

export const sizes = {
  title: 20,
  finding: 13,
  heading: 13,
  subheading: 10,
  body: 9,
  table: 8.5,
  label: 8,
  axis: 7.5,
} as const
