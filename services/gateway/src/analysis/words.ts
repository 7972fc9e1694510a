const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** 1536 is `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (Math.abs(value) >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${formatAmount(value)} ${BYTE_UNITS[unit]}`
}

/** Three digits that matter: 0.0123, 1.23, 123, 1235. */
export function formatAmount(value: number): string {
  if (value === 0) return '0'
  return String(Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)))
}

export function formatShare(share: number): string {
  return `${formatAmount(share * 100)} %`
}

/** Milliseconds in the unit that a person would choose. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1000) return `${formatAmount(durationMs)} ms`
  if (durationMs < 120_000) return `${formatAmount(durationMs / 1000)} s`
  if (durationMs < 7_200_000) return `${Math.round(durationMs / 60_000)} min`
  if (durationMs < 172_800_000) return `${Math.round(durationMs / 3_600_000)} h`
  return `${Math.round(durationMs / 86_400_000)} d`
}
