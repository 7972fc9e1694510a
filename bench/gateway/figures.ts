import { cpus, totalmem } from 'node:os'

/** What the figures were measured on. */
export function machine(): string {
  const [cpu] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} x ${cpu?.model ?? 'CPU'}, ${memory} GiB, Node.js ${process.versions.node}`
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

export function line(name: string, valuesMs: readonly number[]): string {
  const [median, p95, p99] = [0.5, 0.95, 0.99].map((share) => quantile(valuesMs, share).toFixed(1))
  return `${name.padEnd(58)} median ${median} ms   p95 ${p95} ms   p99 ${p99} ms   (${valuesMs.length})\n`
}
