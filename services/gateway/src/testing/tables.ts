import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  type EndKind,
  HostDescriptionSchema,
  ProcessState,
  type ProcessTable,
  ProcessTableSchema,
} from '@driftline/proto'

/** A process instance as a test says it; what it leaves out is ordinary. */
export interface Instance {
  readonly pid: number
  readonly startMs: number
  readonly ppid?: number
  readonly name?: string
  readonly command?: string
  readonly group?: string
  readonly container?: string
}

export interface Values {
  readonly pid: number
  readonly cpu?: number
  readonly rss?: number
  readonly state?: ProcessState
}

export interface TableParts {
  readonly started?: readonly Instance[]
  readonly values?: readonly Values[]
  readonly ended?: readonly { pid: number; startMs: number; kind?: EndKind }[]
}

/** A frame's table out of instances, values and ends, with its texts interned. */
export function processTable(parts: TableParts): ProcessTable {
  const strings: string[] = ['']
  const intern = (text: string): number => {
    const at = strings.indexOf(text)
    return at >= 0 ? at : strings.push(text) - 1
  }
  const started = (parts.started ?? []).map((each) => ({
    ...each,
    texts: [
      each.name ?? `name-${each.pid}`,
      each.command ?? `/bin/name-${each.pid}`,
      'root',
      each.group ?? `os:h:name-${each.pid}`,
      each.container ?? '',
    ].map(intern),
  }))
  const values = parts.values ?? []
  const ended = parts.ended ?? []
  return create(ProcessTableSchema, {
    strings,
    started: {
      pid: started.map((each) => each.pid),
      startTimeMs: started.map((each) => BigInt(each.startMs)),
      parentPid: started.map((each) => each.ppid ?? 1),
      name: started.map((each) => each.texts[0]!),
      command: started.map((each) => each.texts[1]!),
      user: started.map((each) => each.texts[2]!),
      group: started.map((each) => each.texts[3]!),
      container: started.map((each) => each.texts[4]!),
      kernelThread: started.map(() => false),
    },
    values: {
      pid: values.map((each) => each.pid),
      state: values.map((each) => each.state ?? ProcessState.SLEEPING),
      cpuCores: values.map((each) => each.cpu ?? 0),
      residentBytes: values.map((each) => BigInt(each.rss ?? 1024)),
      virtualBytes: values.map(() => 4096n),
      readBytesPerSecond: values.map(() => Number.NaN),
      writeBytesPerSecond: values.map(() => 0),
      threads: values.map(() => 1),
      openFiles: values.map(() => 3),
    },
    ended: {
      pid: ended.map((each) => each.pid),
      startTimeMs: ended.map((each) => BigInt(each.startMs)),
      kind: ended.map((each) => each.kind ?? 0),
    },
  })
}

export function encodeTable(parts: TableParts): Uint8Array {
  return toBinary(ProcessTableSchema, processTable(parts))
}

export function encodeDescription(changes: MessageInitShape<typeof HostDescriptionSchema> = {}): Uint8Array {
  const description = {
    osName: 'Linux',
    osVersion: '12',
    kernel: '6.1',
    architecture: 'x64',
    logicalCpus: 2,
    memoryBytes: 8_000_000_000n,
    bootTimeMs: 1_700_000_000_000n,
    agentVersion: '0.1.0',
    intervalMs: 1000,
  }
  return toBinary(HostDescriptionSchema, create(HostDescriptionSchema, { ...description, ...changes }))
}
