/**
 * When the product itself was away, as far as ticks tell: they are stored every second while it runs, on a topic with
 * an order of its own, so that what else comes when makes no difference. Times are those at which the bus stored.
 */
export interface Outages {
  /** -Infinity before the first tick. */
  lastTickMs: number
  /** In order, apart from each other, with the time that sources are given to come back. */
  readonly spans: { readonly fromMs: number; readonly toMs: number }[]
}

/** Without a tick for longer than this, time no longer counts: a leader that changes takes half of it. */
const AWAY_AFTER_MS = 10_000
/** Sources need a while to find out that the product is back; agents try again at least this often. */
const COMING_BACK_MS_MAX = 30_000
/** The oldest are forgotten first: nobody who has been silent since then is still waited for. */
const SPANS_MAX = 32

export function createOutages(): Outages {
  return { lastTickMs: Number.NEGATIVE_INFINITY, spans: [] }
}

export function noteTick(outages: Outages, tickMs: number): void {
  const { lastTickMs, spans } = outages
  if (tickMs <= lastTickMs) return
  const awayMs = tickMs - lastTickMs
  outages.lastTickMs = tickMs
  if (awayMs <= AWAY_AFTER_MS || lastTickMs === Number.NEGATIVE_INFINITY) return
  const fromMs = Math.max(lastTickMs + AWAY_AFTER_MS, spans.at(-1)?.toMs ?? Number.NEGATIVE_INFINITY)
  const toMs = tickMs + Math.min(awayMs, COMING_BACK_MS_MAX)
  if (toMs > fromMs) spans.push({ fromMs, toMs })
  if (spans.length > SPANS_MAX) spans.shift()
}

/** How much of the time between two moments passed while sources could be heard. */
export function heardMs({ lastTickMs, spans }: Outages, sinceMs: number, nowMs: number): number {
  if (nowMs <= sinceMs) return 0
  let awayMs = 0
  for (const { fromMs, toMs } of spans) awayMs += Math.max(0, Math.min(nowMs, toMs) - Math.max(sinceMs, fromMs))
  if (lastTickMs !== Number.NEGATIVE_INFINITY) {
    // No tick has come since: the next one will make an outage of it.
    const fromMs = Math.max(sinceMs, lastTickMs + AWAY_AFTER_MS, spans.at(-1)?.toMs ?? Number.NEGATIVE_INFINITY)
    awayMs += Math.max(0, nowMs - fromMs)
  }
  return nowMs - sinceMs - awayMs
}
