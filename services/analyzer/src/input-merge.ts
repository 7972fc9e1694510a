import type { BusRecord, RecordBatch } from '@driftline/platform/bus/bus'

/**
 * Puts the records of one partition of several topics back into the order in which the bus stored them. While every
 * topic is at its end nothing waits; after a restart, a topic that is read faster waits for the others, so that a tick
 * does not pass the samples that were stored before it.
 */
export interface InputMerge {
  /** Takes a batch; records that it had before are left out. */
  add(batch: RecordBatch): void
  /** The next record in order; null when there is none, or when one that comes before it may still arrive. */
  next(): BusRecord | null
  /** Copies what still waits, because the bus takes its memory back. */
  keepWaiting(): void
  /** Offset of the first record that `next` has not given, of each topic that has given any or had a position. */
  positions(): Map<string, number>
  readonly waiting: number
}

interface Input {
  readonly topic: string
  readonly queue: BusRecord[]
  /** So many at the front of the queue are copies of our own. */
  copied: number
  /** Offset after the last record that came; null before the first. */
  end: number | null
  behind: boolean
}

export interface InputMergeConfig {
  /** In the order in which records that were stored at the same moment are given. */
  readonly topics: readonly string[]
  readonly positions: ReadonlyMap<string, number>
  /** Topics that have records to be read: until they come, nothing stored later passes. */
  readonly behind: ReadonlySet<string>
  /** When more wait, they are given in order without waiting for topics that are behind. */
  readonly waitingMax: number
}

export function createInputMerge(config: InputMergeConfig): InputMerge {
  const inputs: Input[] = config.topics.map((topic) => ({
    topic,
    queue: [],
    copied: 0,
    end: config.positions.get(topic) ?? null,
    behind: config.behind.has(topic),
  }))
  const inputOf = new Map(inputs.map((input) => [input.topic, input]))
  let waiting = 0

  const mayPass = (): boolean => {
    if (waiting > config.waitingMax) return true
    return !inputs.some(({ queue, behind }) => queue.length === 0 && behind)
  }

  return {
    get waiting() {
      return waiting
    },
    add({ topic, records, endOffset }) {
      const input = inputOf.get(topic)
      if (input === undefined) return
      for (const record of records) {
        if (input.end !== null && record.offset < input.end) continue
        input.queue.push(record)
        waiting += 1
      }
      input.end = Math.max(input.end ?? 0, records.at(-1)!.offset + 1)
      input.behind = input.end < endOffset
    },
    next() {
      if (waiting === 0 || !mayPass()) return null
      let first: Input | null = null
      for (const input of inputs) {
        if (input.queue.length === 0) continue
        if (first === null || input.queue[0]!.storedAtMs < first.queue[0]!.storedAtMs) first = input
      }
      waiting -= 1
      first!.copied = Math.max(0, first!.copied - 1)
      return first!.queue.shift()!
    },
    keepWaiting() {
      for (const input of inputs) {
        const { queue } = input
        for (; input.copied < queue.length; input.copied++) {
          const record = queue[input.copied]!
          queue[input.copied] = { ...record, value: record.value.slice() }
        }
      }
    },
    positions() {
      const known = inputs.filter(({ end }) => end !== null)
      return new Map(known.map(({ topic, queue, end }) => [topic, queue[0]?.offset ?? end!]))
    },
  }
}
