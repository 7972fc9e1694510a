import { z } from 'zod'
import { isoTime, listOf, maybe, pageQuery, queryStep, queryTime } from './common.ts'
import { processMetrics, processStatus } from './processes.ts'

export const processState = z.enum(['unknown', 'running', 'sleeping', 'disk-sleep', 'stopped', 'zombie', 'idle'])

/** One process instance: a row of the tree. */
export const processRow = z
  .object({
    pid: z.number().int(),
    ppid: z.number().int(),
    startTime: isoTime.describe('With the pid it names an instance'),
    name: z.string(),
    command: z.string().describe('Command line, redacted by the agent; empty for kernel threads'),
    user: z.string(),
    state: processState,
    cpu: maybe.describe('Cores: 1.0 is one CPU busy'),
    rssBytes: maybe,
    virtualBytes: maybe,
    readBytesPerSecond: maybe,
    writeBytesPerSecond: maybe,
    threads: maybe,
    openFiles: maybe,
    group: z.string().describe('Process id of its group'),
    container: z.string().nullable(),
    kernelThread: z.boolean(),
  })
  .meta({ id: 'ProcessRow' })
export type ProcessRow = z.infer<typeof processRow>

/** An instance that lived in a range, as it was last seen in it. */
export const processInstance = processRow
  .extend({
    endTime: isoTime.nullable().describe('When it was gone, as exactly as `exact` says; null while it lives'),
    rssTrend: z.array(maybe).describe('Resident bytes in each step from `from` on; empty without a range'),
  })
  .meta({ id: 'ProcessInstance' })
export type ProcessInstance = z.infer<typeof processInstance>

export const processInstances = listOf(processInstance)
  .extend({
    from: isoTime.nullable().describe('Start of the range; null without one: then the list is of now'),
    to: isoTime.nullable(),
    step: maybe.describe('Seconds'),
    exact: z
      .boolean()
      .describe(
        'Ranges up to 10 minutes are read frame by frame; longer ones by one key frame a step: what lived only between two is not seen, and ends are a step late at most',
      ),
    more: z.number().int().describe('Instances beyond the 1,000 with most memory, which are left out'),
  })
  .meta({ id: 'ProcessInstances' })

export const instancesQuery = pageQuery.extend({
  from: queryTime.optional().describe('Start of a range; ISO 8601 or milliseconds. Without it: what is alive now'),
  to: queryTime.optional().describe('End of the range; now without it'),
  step: queryStep.optional().describe('Such as `60s`; at least a sixtieth of the range, which it is without'),
})

/** An upsert of a live channel: a whole row for a new instance, else the pid and what changed. */
export const processRowChange = processRow.partial().required({ pid: true }).meta({ id: 'ProcessRowChange' })
export type ProcessRowChange = z.infer<typeof processRowChange>

export const hostDescription = z
  .object({
    osName: z.string(),
    osVersion: z.string(),
    kernel: z.string(),
    architecture: z.string(),
    logicalCpus: z.number().int(),
    memoryBytes: z.number(),
    bootTime: isoTime.nullable(),
    agentVersion: z.string(),
    intervalSeconds: z.number(),
  })
  .meta({ id: 'HostDescription' })
export type HostDescription = z.infer<typeof hostDescription>

export const hostItem = z
  .object({
    host: z.string(),
    processId: z.string().describe('Its process id: `host:` and the name, escaped'),
    status: processStatus,
    description: hostDescription.nullable(),
    processCount: z.number().int().describe('Instances alive'),
    metrics: processMetrics.nullable(),
    lastSeen: isoTime,
  })
  .meta({ id: 'HostItem' })
export type HostItem = z.infer<typeof hostItem>

export const hostTable = z
  .object({
    host: z.string(),
    time: isoTime.nullable().describe('When the agent read the last frame that is in it; null when there is none'),
    description: hostDescription.nullable(),
    items: z.array(processRow),
    nextCursor: z.null(),
  })
  .meta({ id: 'HostTable', description: 'The whole process table of a host at one moment; never paged' })

export const atQuery = z.object({
  at: queryTime.optional().describe('The past moment to show; ISO 8601 or milliseconds. Without it: now'),
})

/** Payloads of channel `host:<host>/processes`. */
export const hostSnapshot = z.object({
  host: z.string(),
  time: isoTime.nullable(),
  description: hostDescription.nullable(),
  rows: z.array(processRow),
})
export const hostChanges = z.object({
  time: isoTime,
  upserts: z.array(processRowChange),
  removed: z.array(z.number().int()),
})
export type HostChanges = z.infer<typeof hostChanges>

export const framesQuery = z.object({
  from: queryTime.describe('Start of the stretch; ISO 8601 or milliseconds'),
  to: queryTime.describe('End of the stretch; at most 5 minutes after `from`'),
})
export const hostFrames = z
  .object({
    host: z.string(),
    snapshot: hostSnapshot.describe('The table at `from`'),
    changes: z.array(hostChanges).describe('Every frame after it until `to`, as the live channel sends them'),
  })
  .meta({ id: 'HostFrames' })
