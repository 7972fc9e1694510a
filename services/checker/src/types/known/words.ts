/** Seconds as people say them: 250 ms, 30 s, 7 min, 2 h, 3 d. */
export function secondsInWords(seconds: number): string {
  if (seconds < 1) return `${Math.round(Math.max(0, seconds) * 1000)} ms`
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86_400)} d`
}

/** `press.temperature of device:plant-a:press-3`, with attributes where some are asked for. */
export function seriesInWords(process: string, metric: string, attributes: Readonly<Record<string, string>>): string {
  const named = Object.entries(attributes).map(([name, value]) => `${name} ${value}`)
  return `${metric}${named.length === 0 ? '' : ` (${named.join(', ')})`} of ${process}`
}
