/** Severity numbers of OpenTelemetry by the words that logs use. */
const numbers: Readonly<Record<string, number>> = {
  trace: 1,
  debug: 5,
  verbose: 5,
  info: 9,
  information: 9,
  informational: 9,
  notice: 10,
  warn: 13,
  warning: 13,
  error: 17,
  err: 17,
  severe: 17,
  critical: 18,
  crit: 18,
  alert: 19,
  emergency: 21,
  emerg: 21,
  fatal: 21,
  panic: 21,
}

/** Number of a severity word in any case; 0 for one that we do not know. */
export function severityOf(word: string): number {
  const lower = word.trim().toLowerCase()
  return Object.hasOwn(numbers, lower) ? numbers[lower]! : 0
}
