const units: readonly [string, number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
]

/** `1h30m` in milliseconds; null when it is not a span or not longer than nothing. */
export function parseSpan(text: string): number | null {
  if (!/^(\d+[dhms])+$/.test(text)) return null
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+)([dhms])/g)) {
    total += Number(amount) * (units.find(([name]) => name === unit)?.[1] ?? 0)
  }
  return total > 0 && Number.isSafeInteger(total) ? total : null
}

/** The shortest text that `parseSpan` reads back: whole seconds only. */
export function formatSpan(ms: number): string {
  let rest = Math.max(1000, Math.round(ms / 1000) * 1000)
  let out = ''
  for (const [unit, size] of units) {
    const amount = Math.floor(rest / size)
    if (amount > 0) out += `${amount}${unit}`
    rest -= amount * size
  }
  return out
}

/** `5 min`, `1 h`, `7 d`: as the range menu says it. */
export function spanWords(ms: number): string {
  const words: Record<string, string> = { d: 'd', h: 'h', m: 'min', s: 's' }
  return formatSpan(ms)
    .replace(/(\d+)([dhms])/g, (_, amount: string, unit: string) => `${amount} ${words[unit]} `)
    .trim()
}

const presetsMs = [300_000, 900_000, 3_600_000] as const

/** The smallest of 5 min, 15 min and 1 h that holds all data since `beganMs`; an hour when that is unknown. */
export function fittingRangeMs(beganMs: number | null, nowMs: number): number {
  const hour = presetsMs[2]
  return beganMs === null ? hour : (presetsMs.find((ms) => ms >= nowMs - beganMs) ?? hour)
}
