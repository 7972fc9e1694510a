import { z } from 'zod'
import { judged, scalar, template } from './parts.ts'

/** Conditions on what Driftline has already: they are asked again until they hold or the step's time is over. */
const waiting = {
  waitSeconds: z.number().min(0).max(3600).default(0).describe('Wait so long for the condition to hold'),
}

/** Latest value of a device's metric. Facts: `value`, `age` (seconds). */
export const mqttConfig = z
  .strictObject({
    process: template(500).describe('Such as `device:plant-a:press-3`'),
    metric: template(255),
    attributes: z.record(z.string(), template(255)).default({}),
    ageSecondsMax: z.number().positive().max(86_400).default(300).describe('An older value fails the step'),
    ...waiting,
    ...judged,
  })
  .meta({ id: 'MqttConfig' })
export type MqttConfig = z.infer<typeof mqttConfig>

/** Lines of a log. Facts: `count`, `line` (the newest), `field` (of the newest, by name). Without assertions, one must be there. */
export const logConfig = z
  .strictObject({
    process: template(500).describe('Such as `log:payments`'),
    contains: template(1000).optional().describe('Words or a "phrase" that the line has'),
    fields: z.record(z.string(), scalar).default({}),
    severityAtLeast: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).optional(),
    withinSeconds: z.number().positive().max(604_800).default(300).describe('How far back'),
    sinceStart: z.boolean().default(false).describe('Only lines that came after this run began'),
    ...waiting,
    ...judged,
  })
  .meta({ id: 'LogConfig' })
export type LogConfig = z.infer<typeof logConfig>

/** A metric of any process, over a window. Facts: `value`, `count`, `age`. */
export const metricConfig = z
  .strictObject({
    process: template(500),
    metric: template(255),
    attributes: z.record(z.string(), template(255)).default({}),
    aggregation: z.enum(['last', 'mean', 'min', 'max', 'sum']).default('last'),
    overSeconds: z.number().positive().max(604_800).default(300),
    ...waiting,
    ...judged,
  })
  .meta({ id: 'MetricConfig' })
export type MetricConfig = z.infer<typeof metricConfig>
