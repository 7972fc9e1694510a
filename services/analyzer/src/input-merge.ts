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
  /** From now on topics that have given nothing yet are taken to be at their end. */
  settle(): void
  /** Offset of the first record of each topic that `next` has not given. */
  positions(): Map<string, number>
  readonly waiting: number
}

interface Input {
  readonly topic: string
  readonly queue: BusRecord[]
  /** So many at the front of the queue are copies of our own. */
  copied: number
  /** Offset after the last record that came. */
  end: number
  state: 'unknown' | 'behind' | 'at-end'
}

export interface InputMergeConfig {
  /** In the order in which records that were stored at the same moment are given. */
  readonly topics: readonly string[]
  readonly positions: ReadonlyMap<string, number>
  /** When more wait, they are given in order without waiting for topics that are behind. */
  readonly waitingMax: number
}

export function createInputMerge(config: InputMergeConfig): InputMerge {
  const inputs: Input[] = config.topics.map((topic) => ({
    topic,
    queue: [],
    copied: 0,
    end: config.positions.get(topic) ?? 0,
    state: 'unknown',
  }))
  const inputOf = new Map(inputs.map((input) => [input.topic, input]))
  let waiting = 0
  let settled = false

  const mayPass = (): boolean => {
    if (waiting > config.waitingMax) return true
    const isOpen = ({ queue, state }: Input): boolean =>
      queue.length === 0 && (state === 'behind' || (state === 'unknown' && !settled))
    return !inputs.some(isOpen)
  }

  return {
    get waiting() {
      return waiting
    },
    add({ topic, records, endOffset }) {
      const input = inputOf.get(topic)
      if (input === undefined) return
      for (const record of records) {
        if (record.offset < input.end) continue
        input.queue.push(record)
        waiting += 1
      }
      input.end = Math.max(input.end, (records.at(-1)?.offset ?? -1) + 1)
      input.state = input.end >= endOffset ? 'at-end' : 'behind'
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
    settle() {
      settled = true
    },
    positions: () => new Map(inputs.map(({ topic, queue, end }) => [topic, queue[0]?.offset ?? end])),
  }
}
