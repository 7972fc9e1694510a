import { clone } from '@bufbuild/protobuf'
import { foldRun, hasEnded, type Run } from '@driftline/checks/run-model'
import { type RunEvent, RunEventSchema } from '@driftline/proto'

/** A run that the bus told of lately. */
export interface LiveRun {
  readonly run: Run
  /** Whether everything before the first event that was heard is known, too. */
  readonly complete: boolean
  readonly heardAtMs: number
}

export interface BoardNews {
  readonly tenant: string
  /** Null when nothing was known of it. */
  readonly before: RunEvent | null
  readonly after: RunEvent
}

/**
 * Runs as the bus tells of them: those under way, and those that ended so lately that the store may not have them yet.
 * Bounded by number and bytes: what ended longest ago goes first, then what was not heard of for longest. Of both the
 * queue and the store know.
 */
export interface RunBoard {
  /** Takes an event in. `bytes` is its size. */
  take(event: RunEvent, bytes: number, nowMs: number): void
  /** Puts in what was missing at the beginning of a run. */
  complete(tenant: string, whole: Run): void
  get(tenant: string, id: string): LiveRun | null
  of(tenant: string): Iterable<LiveRun>
  /** Follows every change; the answer ends it. */
  follow(listener: (news: BoardNews) => void): () => void
  forgetEnded(nowMs: number): void
}

export interface BoardLimits {
  readonly runsMax: number
  readonly bytesMax: number
  readonly endedKeptMs: number
}

export const boardLimits: BoardLimits = { runsMax: 5000, bytesMax: 96 * 1024 * 1024, endedKeptMs: 300_000 }

interface Entry {
  run: Run
  /** Revisions from here on were heard. */
  readonly firstRevision: number
  complete: boolean
  bytes: number
  heardAtMs: number
}

export function createRunBoard(limits: BoardLimits = boardLimits): RunBoard {
  const tenants = new Map<string, Map<string, Entry>>()
  /** In the order of their last event, the longest ago first. */
  const open = new Map<string, Entry>()
  const ended = new Map<string, Entry>()
  const listeners = new Set<(news: BoardNews) => void>()
  let bytes = 0
  const keyOf = (tenant: string, id: string): string => `${tenant}\n${id}`

  const forget = (from: Map<string, Entry>, key: string, entry: Entry): void => {
    from.delete(key)
    bytes -= entry.bytes
    const { tenant, run } = entry.run.event
    const mine = tenants.get(tenant)
    mine?.delete(run)
    if (mine?.size === 0) tenants.delete(tenant)
  }
  const trim = (): void => {
    while (open.size + ended.size > limits.runsMax || bytes > limits.bytesMax) {
      const from = ended.size > 0 ? ended : open
      const [oldest] = from
      if (oldest === undefined) return
      forget(from, ...oldest)
    }
  }
  const replace = (entry: Entry, run: Run): void => {
    const before = entry.run.event
    if (run === entry.run) return
    entry.run = run
    for (const listener of listeners) listener({ tenant: run.event.tenant, before, after: run.event })
  }
  const add = (event: RunEvent, size: number, nowMs: number): void => {
    const complete = event.revision <= 1 || event.endMs > 0n
    const run = foldRun(null, event)
    const entry = { run, firstRevision: event.revision, complete, bytes: size, heardAtMs: nowMs }
    const mine = tenants.get(event.tenant) ?? new Map<string, Entry>()
    tenants.set(event.tenant, mine.set(event.run, entry))
    ;(hasEnded(run) ? ended : open).set(keyOf(event.tenant, event.run), entry)
    bytes += size
    for (const listener of listeners) listener({ tenant: event.tenant, before: null, after: run.event })
  }
  const grow = (entry: Entry, event: RunEvent, size: number, nowMs: number): void => {
    const key = keyOf(event.tenant, event.run)
    const run = foldRun(entry.run, event)
    if (run === entry.run) return
    // The last event holds all of those before it.
    const next = hasEnded(run) ? size : entry.bytes + size
    bytes += next - entry.bytes
    entry.bytes = next
    entry.heardAtMs = nowMs
    if (hasEnded(run)) entry.complete = true
    open.delete(key)
    ended.delete(key)
    ;(hasEnded(run) ? ended : open).set(key, entry)
    replace(entry, run)
  }

  return {
    take(event, size, nowMs) {
      const known = tenants.get(event.tenant)?.get(event.run)
      if (known) grow(known, event, size, nowMs)
      else add(event, size, nowMs)
      trim()
    },
    complete(tenant, whole) {
      const entry = tenants.get(tenant)?.get(whole.event.run)
      if (!entry || entry.complete) return
      entry.complete = whole.event.revision >= entry.firstRevision - 1
      replace(entry, overlay(whole, entry.run))
    },
    get: (tenant, id) => tenants.get(tenant)?.get(id) ?? null,
    of: (tenant) => tenants.get(tenant)?.values() ?? [],
    follow(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    forgetEnded(nowMs) {
      for (const [key, entry] of ended) {
        if (nowMs - entry.heardAtMs < limits.endedKeptMs) return
        forget(ended, key, entry)
      }
    },
  }
}

/** A run known whole up to a revision, with what events told of it after that. */
export function overlay(whole: Run, heard: Run): Run {
  const upTo = whole.event.revision
  if (upTo >= heard.event.revision || hasEnded(whole)) return whole
  if (hasEnded(heard)) return heard
  const later = clone(RunEventSchema, heard.event)
  later.steps = heard.event.steps.filter(({ number }) => (heard.stepRevisions.get(number) ?? 0) > upTo)
  later.lines = [...heard.lineRevisions].flatMap(([revision, lines]) => (revision > upTo ? lines : []))
  return foldRun(whole, later)
}
