import { SampleBatchSchema, SeriesBatchSchema } from '@driftline/proto'
import { expect, it } from 'vitest'
import { protoText } from './proto-text.ts'

it('writes scalars and lists', () => {
  expect(protoText(SampleBatchSchema)).toBe(`syntax = "proto3";
message SampleBatch {
  sfixed64 base_time_ms = 1;
  repeated fixed64 series = 2;
  repeated sfixed32 time_offset_ms = 3;
  repeated double value = 4;
}`)
})

it('writes the messages and enums that a message is made of', () => {
  const text = protoText(SeriesBatchSchema)
  expect(text).toContain('  repeated Series series = 1;')
  expect(text).toContain('message Series {\n  fixed64 id = 1;')
  expect(text).toContain('  MetricKind kind = 6;')
  expect(text).toContain('enum MetricKind {\n  METRIC_KIND_UNSPECIFIED = 0;')
})
