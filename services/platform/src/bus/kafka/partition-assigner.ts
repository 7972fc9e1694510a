import { type Assigner, AssignerProtocol, type GroupMember, type PartitionAssigner } from 'kafkajs'
import { type ShareMember, sharePartitions } from '../partition-shares.ts'

const { MemberMetadata, MemberAssignment } = AssignerProtocol

/**
 * Brokers let only members of a protocol in common into a group. One that shares out in another way, so that versions
 * must not mix, needs another name; one that only says more about a member needs another version.
 */
const PROTOCOL = 'driftline-by-number'
const VERSION = 1

/** Shares out by number (see `sharePartitions`) and remembers what this member was given, to ask for it again. */
export interface RememberingAssigner {
  readonly assigner: PartitionAssigner
  /** What the member has been given, by topic. */
  remember(assignment: Readonly<Record<string, readonly number[]>>): void
}

export function createPartitionAssigner(): RememberingAssigner {
  let had: readonly number[] = []
  const assigner: PartitionAssigner = ({ cluster }): Assigner => ({
    name: PROTOCOL,
    version: VERSION,
    async assign({ members: joined }) {
      const members = joined.map(memberOf)
      // The leader may not read all topics itself, and kafkajs knows only those that it was told of.
      await cluster.addMultipleTargetTopics([...new Set(members.flatMap(({ topics }) => topics))])
      const numbersOf = (topic: string): number[] =>
        cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)
      return [...sharePartitions(members, numbersOf)].map(([memberId, topics]) => {
        const assignment = Object.fromEntries([...topics].map(([topic, numbers]) => [topic, [...numbers]]))
        const userData = Buffer.alloc(0)
        return { memberId, memberAssignment: MemberAssignment.encode({ version: VERSION, assignment, userData }) }
      })
    },
    protocol: ({ topics }) => ({
      name: PROTOCOL,
      metadata: MemberMetadata.encode({ version: VERSION, topics, userData: encodeHad(had) }),
    }),
  })
  return {
    assigner,
    remember(assignment) {
      had = [...new Set(Object.values(assignment).flat())].sort((a, b) => a - b)
    },
  }
}

/** Another version's claims are not understood, so it has none; its topics stand in the same place in all of them. */
function memberOf({ memberId, memberMetadata }: GroupMember): ShareMember {
  const metadata = MemberMetadata.decode(memberMetadata)
  if (metadata === null) return { id: memberId, topics: [], had: new Set() }
  const { version, topics, userData } = metadata
  return { id: memberId, topics, had: new Set(version === VERSION ? decodeHad(userData) : []) }
}

function encodeHad(numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * numbers.length)
  for (const [index, number] of numbers.entries()) bytes.writeInt32BE(number, 4 * index)
  return bytes
}

function decodeHad(bytes: Buffer | null): number[] {
  return Array.from({ length: Math.floor((bytes?.length ?? 0) / 4) }, (_, index) => bytes!.readInt32BE(4 * index))
}
