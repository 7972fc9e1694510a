import { flowDefinition, flowSchedule } from '@driftline/checks/flow-definition'
import { z } from 'zod'
import {
  isoTime,
  listOf,
  maybe,
  pageQuery,
  processIdParam,
  queryFlag,
  queryStep,
  queryTime,
} from '../schemas/common.ts'
import { processStatus } from '../schemas/processes.ts'
import { runStatus, runTrigger } from './check-schemas.ts'

export const flowParam = processIdParam
export const versionParam = flowParam.extend({ version: z.coerce.number().int().min(1) })
export const exampleParam = z.object({ example: z.string().min(1).max(100) })

const lastRun = z.object({
  checkId: z.string(),
  status: runStatus,
  startTime: isoTime.nullable(),
  endTime: isoTime.nullable(),
  executionTime: maybe,
  trigger: runTrigger,
  initiatedBy: z.string(),
  message: z.string(),
})
const openRun = z.object({
  checkId: z.string(),
  status: runStatus,
  currentStep: z.number().int(),
  startTime: isoTime.nullable(),
})

/** What channel `flows` tells of each. */
export const flowShort = z
  .object({
    id: z.string(),
    health: processStatus.describe('Its worst open anomaly, else how its last run went'),
    lastRun: lastRun.nullable(),
    openRun: openRun.nullable().describe('The newest that waits or runs'),
  })
  .meta({ id: 'FlowShort' })
export type FlowShort = z.infer<typeof flowShort>

export const flowItem = flowShort
  .extend({
    name: z.string(),
    category: z.string(),
    description: z.string(),
    tags: z.array(z.string()),
    owner: z.string(),
    active: z.boolean(),
    version: z.number().int(),
    stepCount: z.number().int(),
    steps: z.array(
      z.object({
        stepNumber: z.number().int(),
        key: z.string(),
        name: z.string(),
        checkType: z.string(),
        target: z.string(),
      }),
    ),
    schedules: z.array(flowSchedule),
    successRate: maybe.describe('Share from 0 to 1 of the runs of 24 h that succeeded or failed'),
    medianTime: maybe.describe('Milliseconds, of runs of 24 h that succeeded'),
  })
  .meta({ id: 'FlowItem' })
export type FlowItem = z.infer<typeof flowItem>

export const flowFilter = pageQuery.extend({
  category: z.string().max(100).optional(),
  tag: z.string().max(64).optional(),
  q: z.string().max(200).optional().describe('Words that all must occur in name, category, tags, owner or description'),
  active: queryFlag.optional(),
  status: processStatus.optional(),
})
export const flowList = listOf(flowItem)

const stored = {
  id: z.string().describe('Process id: `flow:...`'),
  version: z.number().int(),
  managedBy: z.enum(['user', 'file']),
  createdAt: isoTime,
  updatedAt: isoTime,
  updatedBy: z.string(),
}
export const flowDetail = z.object({ ...flowDefinition.shape, ...stored }).meta({ id: 'Flow' })
export type FlowDetail = z.infer<typeof flowDetail>

/** Read by `readFlow`, which says all that is wrong with it at once. */
export const anyDefinition = z
  .record(z.string(), z.unknown())
  .describe('A flow: see the schema `FlowDefinition`; `checkType` may be an alias')
export const flowCreated = z.object({ id: z.string(), version: z.number().int() }).meta({ id: 'FlowCreated' })

export const validateBody = z
  .union([z.strictObject({ definition: z.unknown() }), z.strictObject({ yaml: z.string().max(1_048_576) })])
  .meta({ id: 'FlowDraft' })
const flowProblem = z.object({ path: z.string(), message: z.string(), line: z.number().int().optional() })
export const flowValidation = z
  .object({
    ok: z.boolean(),
    problems: z.array(flowProblem),
    definition: flowDefinition.nullable(),
    yaml: z.string().nullable(),
  })
  .meta({ id: 'FlowValidation' })

export const importBody = z.strictObject({
  yaml: z.string().max(1_048_576),
  replace: z.boolean().default(false).describe('Whether flows that are there already take the new definition'),
})
export const imported = z.object({ created: z.array(z.string()), updated: z.array(z.string()) })

export const flowVersion = z
  .object({ version: z.number().int(), createdAt: isoTime, createdBy: z.string() })
  .meta({ id: 'FlowVersion' })
export const flowVersions = listOf(flowVersion)
export const flowVersionDetail = flowVersion.extend({ definition: flowDefinition })

export const cloneBody = z.strictObject({ name: z.string().trim().min(1).max(200) })

export const checkTypeInfo = z
  .object({
    name: z.string(),
    title: z.string(),
    timeoutSeconds: z.number(),
    facts: z.array(z.string()),
    schema: z.record(z.string(), z.unknown()).describe('JSON Schema of `checkConfiguration`'),
  })
  .meta({ id: 'CheckTypeInfo' })
export const checkTypeList = listOf(checkTypeInfo)

export const galleryExample = z
  .object({
    id: z.string(),
    title: z.string(),
    about: z.string(),
    needs: z.array(z.string()).describe('What to put in before it can succeed'),
    definition: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'GalleryExample' })
export const galleryList = listOf(galleryExample)

const normal = z.object({ median: maybe, spread: maybe, count: z.number().int() })
export const flowStepFigures = z
  .object({
    stepNumber: z.number().int(),
    key: z.string(),
    name: z.string(),
    normal: normal.nullable().describe('Milliseconds, of successes of 7 days; null without one'),
    last: z.object({ checkId: z.string(), status: runStatus, executionTime: maybe }).nullable(),
    score: maybe.describe('How far the last success was from normal, robust standard deviations'),
    drift: z.object({ from: isoTime, stepSeconds: z.number(), values: z.array(maybe) }),
  })
  .meta({ id: 'FlowStepFigures' })
export type FlowStepFigures = z.infer<typeof flowStepFigures>
export const flowStepList = listOf(flowStepFigures)

export const gridQuery = z.object({
  runs: z.coerce.number().int().min(1).max(200).default(60),
  to: queryTime.optional(),
})
export const grid = z
  .object({
    runs: z.array(
      z.object({
        checkId: z.string(),
        startTime: isoTime.nullable(),
        status: runStatus,
        steps: z.array(z.object({ status: runStatus, executionTime: maybe, overNormal: z.boolean() })),
      }),
    ),
  })
  .meta({ id: 'FlowGrid' })

export const trendQuery = z.object({
  from: queryTime.optional().describe('A day before `to` without it'),
  to: queryTime.optional().describe('Now without it'),
  step: queryStep.optional().describe('Seconds; a sixtieth of the range without it'),
})
const trendPoint = z.object({
  time: isoTime,
  runs: z.number().int(),
  succeeded: z.number().int(),
  failed: z.number().int(),
  p50: maybe.describe('Milliseconds'),
  p95: maybe.describe('Milliseconds'),
})
export type TrendPoint = z.infer<typeof trendPoint>
export const trend = z
  .object({
    total: z.array(trendPoint),
    steps: z.array(z.object({ stepNumber: z.number().int(), points: z.array(trendPoint) })),
  })
  .meta({ id: 'FlowTrend' })

/** Channel `flows`: all of them in short, then those that changed. */
export const flowsSnapshot = z.object({ items: z.array(flowShort) })
export const flowsChanges = z.object({ items: z.array(flowShort), removed: z.array(z.string()).optional() })
