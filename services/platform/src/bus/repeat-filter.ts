import type { BusRecord } from './bus.ts'

export interface RepeatFilterConfig {
  /** Sources remembered, counted per partition; beyond it the one that was silent longest is forgotten. */
  readonly maxSources: number
  /**
   * Starts remembered per source; beyond it the oldest is forgotten. A source that starts again and again before it is
   * answered repeats what it stored under all of them.
   */
  readonly maxEpochsPerSource?: number
  /**
   * Epochs are start times, milliseconds: one so much older than the youngest of its source is repeated by nobody. At
   * least as long as the intake takes what is late; 48 h unless given.
   */
  readonly epochLifeMs?: number
}

/** The highest sequence seen of each start of each source. Plain JSON, for checkpoints. */
export type RepeatFilterSnapshot = readonly {
  readonly topic: string
  readonly partition: number
  readonly tenant: string
  readonly source: string
  /** From epoch to sequence, as in the headers. */
  readonly sequences: Readonly<Record<string, string>>
}[]

/** What the filter looks at. */
export type SequencedRecord = Pick<BusRecord, 'topic' | 'partition' | 'headers'>

/**
 * Tells records that were stored twice, by their headers. A source stores its sequences in order in each partition, so
 * whatever is not above the highest one seen of its epoch is a repeat. What was forgotten, or has headers that are no
 * numbers, passes: a record twice is better than a record lost.
 */
export interface RepeatFilter {
  /** Whether the record was seen before; remembers it. */
  isRepeat(record: SequencedRecord): boolean
  /** Of everything, or of one partition. */
  snapshot(of?: { readonly topic: string; readonly partition: number }): RepeatFilterSnapshot
  /** Adds what a snapshot has; of two sequences the higher one counts. */
  restore(snapshot: RepeatFilterSnapshot): void
  /** For a partition that now belongs to another consumer. */
  forget(topic: string, partition: number): void
  /** How many sources were forgotten for want of room, since the filter was made. */
  evictedSources(): number
}

interface Source {
  readonly topic: string
  readonly partition: number
  readonly tenant: string
  readonly source: string
  readonly sequences: Map<string, string>
}

const DEFAULT_EPOCHS_PER_SOURCE = 32
/** So many are kept whatever their age; of a source that starts once in a while no more are. */
const EPOCHS_KEPT = 4
const DEFAULT_EPOCH_LIFE_MS = 48 * 3_600_000
const DECIMAL = /^(0|[1-9]\d{0,19})$/

/** How long epochs live where raw data is kept for a time: never less than the intake takes what is late. */
export const epochLifeFor = (rawRetentionMs: number): number => Math.max(DEFAULT_EPOCH_LIFE_MS, rawRetentionMs)

export function createRepeatFilter(config: RepeatFilterConfig): RepeatFilter {
  const { maxSources, maxEpochsPerSource = DEFAULT_EPOCHS_PER_SOURCE, epochLifeMs = DEFAULT_EPOCH_LIFE_MS } = config
  /** In the order of their last record, oldest first. */
  const sources = new Map<string, Source>()
  let evicted = 0

  const touch = (identity: Omit<Source, 'sequences'>): Source => {
    const { topic, partition, tenant, source } = identity
    const key = `${topic}\n${partition}\n${tenant.length}\n${tenant}${source}`
    const entry = sources.get(key) ?? { ...identity, sequences: new Map<string, string>() }
    sources.delete(key)
    sources.set(key, entry)
    if (sources.size > maxSources) {
      const [oldest] = sources.keys()
      sources.delete(oldest!)
      evicted += 1
    }
    return entry
  }

  /** Answers false when the sequence is not above the highest one. */
  const advance = ({ sequences }: Source, epoch: string, sequence: string): boolean => {
    const highest = sequences.get(epoch)
    if (highest !== undefined && !isAbove(sequence, highest)) return false
    sequences.set(epoch, sequence)
    if (highest === undefined) forgetEpochs(sequences, maxEpochsPerSource, epochLifeMs)
    return true
  }

  return {
    isRepeat({ topic, partition, headers }) {
      const { tenant, source, epoch, sequence } = headers
      if (!DECIMAL.test(epoch) || !DECIMAL.test(sequence)) return false
      return !advance(touch({ topic, partition, tenant, source }), epoch, sequence)
    },
    snapshot: (of) =>
      [...sources.values()]
        .filter(({ topic, partition }) => of === undefined || (of.topic === topic && of.partition === partition))
        .map((entry) => ({ ...entry, sequences: Object.fromEntries(entry.sequences) })),
    restore(snapshot) {
      for (const { sequences, ...identity } of snapshot) {
        const entry = touch(identity)
        for (const [epoch, sequence] of Object.entries(sequences)) advance(entry, epoch, sequence)
      }
    },
    forget(topic, partition) {
      for (const [key, entry] of sources) {
        if (entry.topic === topic && entry.partition === partition) sources.delete(key)
      }
    },
    evictedSources: () => evicted,
  }
}

/** Forgets the oldest epochs beyond the bound, and those that nobody sends any more; never the youngest few. */
function forgetEpochs(sequences: Map<string, string>, max: number, lifeMs: number): void {
  const kept = Math.min(max, EPOCHS_KEPT)
  if (sequences.size <= kept) return
  const youngestFirst = [...sequences.keys()].sort((a, b) => (isAbove(a, b) ? -1 : 1))
  const aliveSince = Number(youngestFirst[0]) - lifeMs
  for (const [index, epoch] of youngestFirst.entries()) {
    if (index >= max || (index >= kept && Number(epoch) < aliveSince)) sequences.delete(epoch)
  }
}

/** Compares decimals without leading zeros, of any length: counters may pass what a number holds exactly. */
function isAbove(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length
}
