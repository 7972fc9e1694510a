import type { Reading } from '../mapping/reading.ts'

/** A reading of Sparkplug as plain values: samples by process, metric and original name. */
export interface Said {
  what: string
  samples: Record<string, number>
  refusals: string[]
}

/** Reads it off, as the reading is used again for the next message. */
export function said(reading: Reading): Said {
  const samples: Record<string, number> = {}
  for (let i = 0; i < reading.count; i++) {
    const key = reading.keys[i]!
    const original = key.attributes['sparkplug.name']
    samples[`${key.process} ${key.metric}${original ? `{${original}}` : ''}`] = reading.values[i]!
  }
  const what = reading.reason === '' ? reading.verdict : `${reading.verdict} ${reading.reason}`
  return { what, samples, refusals: reading.refusals.map(({ reason, at }) => (at ? `${reason} ${at}` : reason)) }
}
