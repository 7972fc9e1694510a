import { AssignerProtocol, type Cluster } from 'kafkajs'
import { describe, expect, test } from 'vitest'
import { createPartitionAssigner } from './partition-assigner.ts'

const { MemberAssignment, MemberMetadata } = AssignerProtocol

/** Knows the topics that it was told of, as kafkajs does. */
function clusterOf(partitions: Readonly<Record<string, number>>): Cluster {
  const known = new Set<string>()
  return {
    async addMultipleTargetTopics(topics: string[]) {
      for (const topic of topics) known.add(topic)
    },
    findTopicPartitionMetadata: (topic: string) =>
      known.has(topic) ? Array.from({ length: partitions[topic] ?? 0 }, (_, partitionId) => ({ partitionId })) : [],
  } as unknown as Cluster
}

function createMember(memberId: string, topics: string[], cluster = clusterOf({ samples: 4, ticks: 4 })) {
  const remembering = createPartitionAssigner()
  const assigner = remembering.assigner({ cluster, groupId: 'group', logger: {} as never })
  const join = () => ({ memberId, memberMetadata: assigner.protocol({ topics }).metadata })
  return { ...remembering, assigner, join, topics }
}

async function assign(members: ReturnType<typeof createMember>[]) {
  const [leader] = members
  const joined = members.map((each) => each.join())
  const result = await leader!.assigner.assign({ members: joined, topics: leader!.topics })
  return result.map(({ memberAssignment }) => ({ ...MemberAssignment.decode(memberAssignment)!.assignment }))
}

describe('the assigner on the wire', () => {
  test('a member asks for what it had', async () => {
    const one = createMember('one', ['samples', 'ticks'])
    const two = createMember('two', ['samples', 'ticks'])
    two.remember({ samples: [0, 2], ticks: [0, 2] })
    expect(await assign([one, two])).toEqual([
      { samples: [1, 3], ticks: [1, 3] },
      { samples: [0, 2], ticks: [0, 2] },
    ])
  })

  test('a leader shares out topics that it does not read itself', async () => {
    const leader = createMember('leader', ['samples'])
    const other = createMember('other', ['samples', 'ticks'])
    const assigned = await assign([leader, other])
    expect(assigned).toEqual([{ samples: [0, 2] }, { samples: [1, 3], ticks: [0, 1, 2, 3] }])
  })

  test('claims of another version, and rubbish in their place, are no claims', async () => {
    const leader = createMember('leader', ['samples'])
    const strange = (version: number, userData: Buffer) => ({
      ...createMember('strange', ['samples']),
      join: () => ({
        memberId: 'strange',
        memberMetadata: MemberMetadata.encode({ version, topics: ['samples'], userData }),
      }),
    })
    const claim = Buffer.from([0, 0, 0, 0, 0, 0, 0, 1])
    const fresh = [{ samples: [0, 2] }, { samples: [1, 3] }]
    expect(await assign([leader, strange(2, claim)])).toEqual(fresh)
    expect(await assign([leader, strange(1, Buffer.from([1, 2, 3]))])).toEqual(fresh)
    expect(await assign([leader, strange(1, Buffer.alloc(0))])).toEqual(fresh)
    expect(await assign([leader, strange(1, claim)])).toEqual([{ samples: [2, 3] }, { samples: [0, 1] }])
  })
})
