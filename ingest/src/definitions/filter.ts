import { z } from 'zod'

/** What is left out of a source's data on purpose. Everything that is left out is counted. */
export const filterDefinition = z
  .strictObject({
    duplicates: z.boolean().default(true).describe('Leave out a sample that repeats time and value of the one before'),
    unchanged: z.boolean().default(false).describe('Leave out a value that is the same as the one before'),
    noiseBand: z
      .strictObject({
        absolute: z.number().positive().optional().describe('In the unit of the metric'),
        share: z.number().positive().max(1).optional().describe('Of the value before: 0.01 is 1 %'),
      })
      .optional()
      .describe('Leave out a value that is nearer than this to the last one that was kept'),
    keepEverySeconds: z
      .number()
      .min(1)
      .max(86_400)
      .default(60)
      .describe('A value is kept at least this often, changed or not, so that silence still means silence'),
    samplingRate: z.number().gt(0).max(1).default(1).describe('Share of samples to keep, evenly spread'),
    minIntervalSeconds: z
      .number()
      .positive()
      .max(86_400)
      .optional()
      .describe('At most one sample per series in this time'),
    rowSamplingRate: z.number().gt(0).max(1).default(1).describe('Share of log lines to store; metrics count all'),
    rowMinSeverity: z.number().int().min(0).max(24).default(0).describe('Lines below this severity are not stored'),
    only: z.array(z.string().min(1).max(255)).max(50).optional().describe('Metrics to keep: globs; all when left out'),
    except: z.array(z.string().min(1).max(255)).max(50).optional().describe('Metrics to leave out: globs'),
  })
  .meta({ id: 'SourceFilter' })

export type FilterDefinition = z.infer<typeof filterDefinition>
