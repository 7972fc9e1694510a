const namedMetrics: Readonly<Record<string, string>> = {
  'process.execution.time': 'Execution time',
  'process.success': 'Success',
  'process.events': 'Events',
  'process.events.failed': 'Failed events',
}
const shortWords = new Set(['rms', 'cpu', 'rpm', 'ph', 'co2', 'id', 'http', 'io'])

/** A metric as people read it: `device.vibration.rms` is `Vibration RMS`. */
export function metricWords(metric: string): string {
  const known = namedMetrics[metric]
  if (known) return known
  const parts = metric
    .replace(/^(device|process|system|log|service)\.(?=.)/, '')
    .split(/[._\s/]+/)
    .filter(Boolean)
    .map((word) => (shortWords.has(word.toLowerCase()) ? word.toUpperCase() : word))
  const text = parts.join(' ')
  return text === '' ? metric : (text[0]?.toUpperCase() ?? '') + text.slice(1)
}
