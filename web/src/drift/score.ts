/** Deviations are in robust standard deviations (σ), signed; null is "nothing known". */
export type Deviation = number | null

/** Below this a process is at its normal. */
export const normalSigma = 2

/** 0 at 2σ, 1 at 4, 2 at 8, 3 at 16 and beyond: each band is one doubling. */
export function levelOf(deviation: number): number {
  return Math.max(0, Math.min(3, Math.log2(Math.max(Math.abs(deviation), 1e-6) / normalSigma)))
}

export type Band = '' | 'up1' | 'up2' | 'up3' | 'dn1' | 'dn2' | 'dn3'

/** The class of the band that a deviation is in; empty while it is normal or unknown. */
export function bandOf(deviation: Deviation | undefined): Band {
  if (deviation === null || deviation === undefined || !(Math.abs(deviation) >= normalSigma)) return ''
  const size = Math.abs(deviation)
  return `${deviation > 0 ? 'up' : 'dn'}${size >= 8 ? 3 : size >= 4 ? 2 : 1}`
}

/** The colour that fills the band, for what is drawn; the normal line's own while it is normal. */
export function fillOf(deviation: Deviation | undefined): string {
  const band = bandOf(deviation)
  return band ? `var(--${band.slice(0, 2)}-${band[2]})` : 'var(--series)'
}

/** `+13.2`, `−6.3`, `0.0`, `+432`, `>+999`: a score needs three digits, not more. Null stays null. */
export function scoreText(deviation: Deviation | undefined, format: (value: number) => string): string | null {
  if (deviation === null || deviation === undefined || !Number.isFinite(deviation)) return null
  const size = Math.abs(deviation)
  if (size < 0.05) return format(0)
  const sign = deviation > 0 ? '+' : '−'
  if (size >= 999.5) return `${deviation > 0 ? '>' : '<'}${sign}999`
  return `${sign}${size >= 99.95 ? Math.round(size) : format(size)}`
}

interface Ranked {
  readonly status: string
  readonly drift: number | null
}

/**
 * What lists are sorted by: the size of the score; silence counts as 3, and everything below 2 is equal. What has an
 * open anomaly stands above the calm even where a rule found it, which has no score.
 */
export function driftRank(item: Ranked): number {
  if (item.status === 'silent') return 3
  const size = Math.abs(item.drift ?? 0)
  const rank = size >= normalSigma ? size : 0
  if (item.status === 'critical') return Math.max(rank, 4)
  return item.status === 'warning' ? Math.max(rank, 3.5) : rank
}
