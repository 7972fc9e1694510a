/** A consumer of a group, as sharing out sees it. */
export interface ShareMember {
  /** Unique in the group; decides when nothing else does. */
  readonly id: string
  readonly topics: readonly string[]
  /** Numbers of the partitions that it had before, if it knows. */
  readonly had: ReadonlySet<number>
}

/** Partition numbers by topic, ascending, for each member by its id; a member that gets nothing has an empty map. */
export type PartitionShares = ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>

/**
 * Shares partitions out by their number: partition n of all topics that the same members read goes to one of them, so
 * that a service finds everything about a host in one place. Shares differ by one number at most, a member keeps what
 * it had as far as that allows, and the order in which anything is given does not matter.
 *
 * Topics that different members read, as while a new version is rolled out, are shared out apart from each other.
 */
export function sharePartitions(
  members: readonly ShareMember[],
  partitionsOf: (topic: string) => readonly number[],
): PartitionShares {
  const sorted = [...members].sort((a, b) => (a.id < b.id ? -1 : 1))
  const shares = new Map(sorted.map(({ id }) => [id, new Map<string, readonly number[]>()]))
  for (const { topics, readers } of topicsByReaders(sorted)) {
    const partitions = new Map(topics.map((topic) => [topic, new Set(partitionsOf(topic))]))
    const numbers = [...new Set([...partitions.values()].flatMap((each) => [...each]))].sort((a, b) => a - b)
    for (const [id, own] of shareNumbers(numbers, readers)) {
      for (const [topic, existing] of partitions) {
        const given = own.filter((number) => existing.has(number))
        if (given.length > 0) shares.get(id)!.set(topic, given)
      }
    }
  }
  return shares
}

interface TopicGroup {
  readonly topics: string[]
  readonly readers: readonly ShareMember[]
}

function topicsByReaders(members: readonly ShareMember[]): Iterable<TopicGroup> {
  const groups = new Map<string, TopicGroup>()
  for (const topic of [...new Set(members.flatMap(({ topics }) => topics))].sort()) {
    const readers = members.filter(({ topics }) => topics.includes(topic))
    const key = JSON.stringify(readers.map(({ id }) => id))
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { topics: [topic], readers })
    else group.topics.push(topic)
  }
  return groups.values()
}

/** Those who had most may keep the one more that some have to take; what is left goes to whoever has least. */
function shareNumbers(numbers: readonly number[], members: readonly ShareMember[]): Map<string, number[]> {
  const shares = new Map(members.map(({ id }) => [id, [] as number[]]))
  const taken = new Set<number>()
  for (const number of numbers) {
    const holder = members.find(({ had }) => had.has(number))
    if (holder === undefined) continue
    shares.get(holder.id)!.push(number)
    taken.add(number)
  }
  const least = Math.floor(numbers.length / members.length)
  const free = numbers.filter((number) => !taken.has(number))
  const byMost = [...shares.values()].sort((a, b) => b.length - a.length)
  for (const [rank, share] of byMost.entries()) {
    const room = least + (rank < numbers.length % members.length ? 1 : 0)
    free.push(...share.splice(room))
  }
  for (const number of free.sort((a, b) => a - b)) {
    byMost.reduce((poorest, share) => (share.length < poorest.length ? share : poorest)).push(number)
  }
  for (const share of shares.values()) share.sort((a, b) => a - b)
  return shares
}
