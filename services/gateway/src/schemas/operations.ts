import { z } from 'zod'
import { isoTime, maybe } from './common.ts'

const cacheLine = z.object({
  name: z.string(),
  about: z.string(),
  lifetimeSeconds: z.number(),
  entries: z.number().int(),
  limit: z.number().int(),
  hits: z.number().int(),
  misses: z.number().int(),
})

export const status = z
  .object({
    version: z.string(),
    startedAt: isoTime,
    dataSince: isoTime.nullable().describe('When the first data of a host came; null before it'),
    learningUntil: isoTime.nullable().describe('When the last host will have been learned; null when all are'),
    samplesPerSecond: z.number(),
    sourceToScreen: z
      .object({ medianMs: maybe, p99Ms: maybe })
      .describe('From the agent reading a value to its frame leaving for the browsers, over the last minute'),
    spooledBatches: z
      .number()
      .int()
      .describe('How far the data of agents that are heard is behind, in their intervals: what is still to come'),
    spooledBytes: z.number().describe('What agents hold on disk, by their own account'),
    missedBatches: z
      .number()
      .int()
      .describe('Batches that sources numbered and that were not seen live since the start'),
    deadLetters: z.object({ last24h: maybe, total: maybe }),
    storage: z.object({
      bytes: maybe,
      rows: maybe,
      tables: z.array(z.object({ table: z.string(), bytes: z.number(), rows: z.number() })),
    }),
    liveClients: z.number().int(),
    slowClientsDropped: z.number().int(),
    estate: z.object({ hosts: z.number().int(), processes: z.number().int(), series: z.number().int() }),
    caches: z.array(cacheLine).describe('What is answered from memory, and for how long'),
    agents: z
      .object({
        address: z.string().nullable().describe('What the setting `agents.address` says: http(s)://host:port'),
        port: z.number().int().nullable().describe('Port of the intake, where it is of this process'),
        tls: z.boolean().nullable(),
        loopbackOnly: z.boolean().nullable().describe('Whether only agents of this machine reach that port'),
      })
      .describe('Where agents connect; null for what is not known here'),
    warnings: z.array(z.string()).describe('What is wrong with Driftline itself, in words'),
  })
  .meta({ id: 'Status' })

export const retention = z
  .object({
    rawSeconds: z.number().describe('Life of raw samples'),
    rollupSeconds: z.number().describe('Life of 1-minute roll-ups'),
    cost: z.object({
      rawBytes: maybe,
      rollupBytes: maybe,
      bytesPerSample: maybe,
      bytesPerDay: maybe.describe('What a day costs at the present rate'),
    }),
  })
  .meta({ id: 'Retention' })
