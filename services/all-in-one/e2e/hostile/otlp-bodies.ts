import { create, toBinary } from '@bufbuild/protobuf'
import { ExportMetricsServiceRequestSchema } from '@driftline/proto/otlp'

/** A data point of OTLP in JSON: the time is now where it has none. */
export type Point = Readonly<Record<string, unknown>>

const nanos = (ms: number): string => `${ms}000000`
export const now = (): string => nanos(Date.now())

/** An export of metrics in JSON, of one service. */
export function metricsJson(
  service: string,
  metrics: readonly Readonly<Record<string, unknown>>[],
  attributes: Readonly<Record<string, string>> = {},
): string {
  const all = { 'service.name': service, ...attributes }
  const list = Object.entries(all).map(([key, stringValue]) => ({ key, value: { stringValue } }))
  return JSON.stringify({ resourceMetrics: [{ resource: { attributes: list }, scopeMetrics: [{ metrics }] }] })
}

export const gauge = (...points: Point[]): Readonly<Record<string, unknown>> => ({
  name: 'level',
  gauge: { dataPoints: points.map((point) => ({ timeUnixNano: now(), asDouble: 1, ...point })) },
})

/** The same as protobuf, with a gauge of one value for each set of attributes. */
export function gaugeBytes(service: string, values: readonly number[], timeNanos: bigint): Uint8Array {
  const attribute = (key: string, value: string) => ({
    key,
    value: { value: { case: 'stringValue' as const, value } },
  })
  return toBinary(
    ExportMetricsServiceRequestSchema,
    create(ExportMetricsServiceRequestSchema, {
      resourceMetrics: [
        {
          resource: { attributes: [attribute('service.name', service)] },
          scopeMetrics: [
            {
              metrics: [
                {
                  name: 'level',
                  data: {
                    case: 'gauge',
                    value: {
                      dataPoints: values.map((value, i) => ({
                        timeUnixNano: timeNanos,
                        value: { case: 'asDouble' as const, value },
                        attributes: [attribute('i', String(i))],
                      })),
                    },
                  },
                },
              ],
            },
          ],
        },
      ],
    }),
  )
}
