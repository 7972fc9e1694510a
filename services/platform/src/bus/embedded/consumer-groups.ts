import type { SubscribeOptions, Subscription } from '../bus.ts'
import { type ShareMember, sharePartitions } from '../partition-shares.ts'
import type { PartitionLog } from './partition-log.ts'
import { type PartitionWorker, type PartitionWorkerDeps, startPartitionWorker } from './partition-worker.ts'

/** The consumer groups of this process. */
export interface ConsumerGroups {
  /** Resolves when the partitions are shared out anew. */
  join(options: SubscribeOptions): Promise<Subscription>
  isActive(group: string): boolean
  stop(): Promise<void>
}

export type ConsumerGroupsDeps = PartitionWorkerDeps & {
  /** The logs of a topic, by partition. */
  readonly logsOf: (topic: string) => readonly PartitionLog[]
}

interface Member {
  /** Sorts like the order in which members joined. */
  readonly id: string
  readonly options: SubscribeOptions
}

interface Group {
  readonly members: Set<Member>
  joined: number
  readonly owned: Map<PartitionLog, { readonly member: Member; readonly worker: PartitionWorker }>
  /** Changes of membership are worked off one after the other. */
  changing: Promise<void>
}

/** Within one group every partition has one worker at a time: an old owner has stopped before the next one starts. */
export function createConsumerGroups(deps: ConsumerGroupsDeps): ConsumerGroups {
  const groups = new Map<string, Group>()

  const groupNamed = (name: string): Group => {
    const known = groups.get(name)
    if (known !== undefined) return known
    const group: Group = { members: new Set(), joined: 0, owned: new Map(), changing: Promise.resolve() }
    groups.set(name, group)
    return group
  }

  const rebalance = async (group: Group): Promise<void> => {
    const wanted = assign(group, deps.logsOf)
    const lost = [...group.owned].filter(([log, { member }]) => wanted.get(log) !== member)
    await Promise.all(
      lost.map(async ([log, { worker }]) => {
        await worker.stop()
        group.owned.delete(log)
      }),
    )
    for (const [log, member] of wanted) {
      if (group.owned.has(log)) continue
      group.owned.set(log, { member, worker: startPartitionWorker(log, member.options, deps) })
    }
  }

  const change = (group: Group): Promise<void> => {
    group.changing = group.changing.then(() => rebalance(group))
    return group.changing
  }

  const leave = async (group: Group, member: Member): Promise<void> => {
    group.members.delete(member)
    await change(group)
    await deps.offsets.flush()
  }

  return {
    async join(options) {
      const group = groupNamed(options.group)
      // A group is registered before its first record: retention must wait for it from now on.
      for (const topic of options.topics) {
        for (const log of deps.logsOf(topic)) deps.offsets.set(options.group, topic, log.partition, 0)
      }
      group.joined += 1
      const member: Member = { id: String(group.joined).padStart(10, '0'), options }
      group.members.add(member)
      await change(group)
      return { stop: () => leave(group, member) }
    },
    isActive: (group) => (groups.get(group)?.members.size ?? 0) > 0,
    async stop() {
      await Promise.all(
        [...groups.values()].map((group) => {
          group.members.clear()
          return change(group)
        }),
      )
    },
  }
}

/** As on Kafka: by number over all topics, and a member keeps what it can. */
function assign({ members, owned }: Group, logsOf: ConsumerGroupsDeps['logsOf']): Map<PartitionLog, Member> {
  const byId = new Map([...members].map((member) => [member.id, member]))
  const numbersOf = (member: Member): number[] =>
    [...owned].filter(([, owner]) => owner.member === member).map(([log]) => log.partition)
  const shareMembers = [...members].map(
    (member): ShareMember => ({ id: member.id, topics: member.options.topics, had: new Set(numbersOf(member)) }),
  )
  const shares = sharePartitions(shareMembers, (topic) => logsOf(topic).map(({ partition }) => partition))
  const wanted = new Map<PartitionLog, Member>()
  for (const [id, topics] of shares) {
    for (const [topic, numbers] of topics) {
      for (const number of numbers) wanted.set(logsOf(topic)[number]!, byId.get(id)!)
    }
  }
  return wanted
}
