import { clone, create, fromJson, type JsonValue, toJson } from '@bufbuild/protobuf'
import type { Json } from '@driftline/platform/metadata/tables'
import { type RunEvent, RunEventSchema, type RunLine } from '@driftline/proto'

/** A run as its events tell of it so far, in whatever order they came. */
export interface Run {
  /** As the newest event has it, with all steps and all lines that are known. Not to be changed. */
  readonly event: RunEvent
  /** All events up to this revision are in it. */
  readonly wholeUpTo: number
  /** Of events beyond it: which revision each step is of, and which lines each revision brought. */
  readonly stepRevisions: ReadonlyMap<number, number>
  readonly lineRevisions: ReadonlyMap<number, readonly RunLine[]>
}

/** Lines of a run are bounded where they are made; this is for what comes from elsewhere. */
const LINES_MAX = 1000

/**
 * Takes an event in. Repeated and late ones change nothing that is newer; an event that ends the run is whole, and
 * everything before it is passed over. Events of another run are the caller's mistake and change nothing.
 */
export function foldRun(run: Run | null, event: RunEvent): Run {
  if (run === null) return event.endMs > 0n ? wholeRun(event) : begin(event)
  if (run.event.run !== event.run || event.revision <= run.wholeUpTo) return run
  if (event.endMs > 0n) return event.revision >= run.event.revision ? wholeRun(event) : run
  return run.lineRevisions.has(event.revision) ? run : merge(run, event)
}

/** A run of which one event holds everything. */
export function wholeRun(event: RunEvent): Run {
  return { event, wholeUpTo: event.revision, stepRevisions: new Map(), lineRevisions: new Map() }
}

/** Whether it has ended, so that nothing more comes. */
export const hasEnded = (run: Run): boolean => run.event.endMs > 0n

/** What `CheckQueue` keeps of a run. */
export const toProgress = (event: RunEvent): Json => toJson(RunEventSchema, event) as Json

/** The run of a row of the queue; null before it began. Errors: those of protobuf-es, for what is no such JSON. */
export function runOfProgress(progress: Json): Run | null {
  if (progress === null) return null
  return wholeRun(fromJson(RunEventSchema, progress as JsonValue, { ignoreUnknownFields: true }))
}

/** The first event of a run that somebody heard of may be any. */
function begin(event: RunEvent): Run {
  const nothing = create(RunEventSchema, { run: event.run })
  return merge({ event: nothing, wholeUpTo: 0, stepRevisions: new Map(), lineRevisions: new Map() }, event)
}

function merge(run: Run, event: RunEvent): Run {
  const isNewer = event.revision > run.event.revision
  const merged = clone(RunEventSchema, isNewer ? event : run.event)
  const steps = new Map(run.event.steps.map((step) => [step.number, step]))
  const stepRevisions = new Map(run.stepRevisions)
  for (const step of event.steps) {
    if ((stepRevisions.get(step.number) ?? run.wholeUpTo) >= event.revision) continue
    steps.set(step.number, step)
    stepRevisions.set(step.number, event.revision)
  }
  merged.steps = [...steps.values()].sort((a, b) => a.number - b.number)
  const lineRevisions = new Map(run.lineRevisions)
  if (lineRevisions.size === 0) lineRevisions.set(run.wholeUpTo, run.event.lines)
  if (event.lines.length > 0) lineRevisions.set(event.revision, event.lines)
  const inOrder = [...lineRevisions].sort(([a], [b]) => a - b)
  merged.lines = inOrder.flatMap(([, lines]) => lines).slice(0, LINES_MAX)
  return { event: merged, wholeUpTo: run.wholeUpTo, stepRevisions, lineRevisions: new Map(inOrder) }
}
