import { create, toBinary } from '@bufbuild/protobuf'
import { deadLetter, emit, type Verdict } from '@driftline/platform/verdict'
import { type AgentBatch, type HostDescription, HostDescriptionSchema, PackedSnapshotSchema } from '@driftline/proto'
import type { IntakeLimits } from '../limits.ts'
import type { Reason } from './reasons.ts'
import type { SeriesMap } from './series-map.ts'
import { checkTime, validateSamples } from './validate-samples.ts'
import { validateTable } from './validate-table.ts'

/** A batch as it goes to the bus: every byte encoded by us. */
export interface AcceptedBatch {
  readonly epoch: bigint
  readonly sequence: bigint
  readonly timeMs: number
  /** Encoded SampleBatch with our series ids. */
  readonly samples: Uint8Array
  readonly sampleCount: number
  readonly droppedSamples: number
  /** Encoded Snapshot, stamped with tenant and host. */
  readonly snapshot: Uint8Array
}

export interface BatchContext {
  readonly tenant: string
  readonly host: string
  readonly owns: (process: string) => boolean
  readonly series: SeriesMap
  readonly limits: IntakeLimits
  readonly nowMs: number
}

/** Where a source stands: its batches only ever go on from here. */
export interface BatchPosition {
  readonly epoch: bigint
  readonly sequence: bigint
}

const COUNTER_MAX = BigInt(Number.MAX_SAFE_INTEGER)
const DESCRIPTION_TEXT_MAX = 256
const CPUS_MAX = 65_536

const refuse = (reason: Reason, detail: string): Verdict<never> => deadLetter(reason, detail)

/**
 * Consumers drop what is not beyond the highest sequence that they have seen of an epoch, so a batch that does not go
 * on from the one before would be lost in silence: it is refused instead.
 */
export function checkPosition(before: BatchPosition | null, batch: BatchPosition): Verdict<BatchPosition> {
  const { epoch, sequence } = batch
  if (epoch < 1n || epoch > COUNTER_MAX || sequence < 1n || sequence > COUNTER_MAX) {
    return refuse('epoch_out_of_range', 'epoch and sequence are from 1 to 2^53 - 1')
  }
  const goesOn = before === null || epoch > before.epoch || (epoch === before.epoch && sequence > before.sequence)
  if (goesOn) return emit({ epoch, sequence })
  return refuse('sequence_not_monotonic', `${epoch}/${sequence} does not follow ${before.epoch}/${before.sequence}`)
}

/** Checks all of a batch and encodes what goes to the bus. Position is checked apart. */
export function validateBatch(batch: AgentBatch, context: BatchContext): Verdict<AcceptedBatch> {
  const { limits, nowMs } = context
  const timeProblem = checkTime(batch.timeMs, 0, limits, nowMs)
  if (timeProblem !== null) return timeProblem
  const samples = validateSamples(batch.samples, context.series, limits, nowMs)
  if (samples.kind !== 'emit') return samples
  const description = validateDescription(batch.description, limits, nowMs)
  if (description.kind !== 'emit') return description
  const table = validateTable(batch.table, context)
  if (table.kind !== 'emit') return table
  const snapshot = toBinary(
    PackedSnapshotSchema,
    create(PackedSnapshotSchema, {
      tenant: context.tenant,
      host: context.host,
      timeMs: batch.timeMs,
      keyFrame: batch.keyFrame,
      description: description.value,
      table: table.value,
    }),
  )
  const largest = Math.max(snapshot.length, samples.value.encoded.length)
  if (largest > limits.recordBytesMax)
    return refuse('record_too_large', `${largest} bytes exceed ${limits.recordBytesMax}`)
  return emit({
    epoch: batch.epoch,
    sequence: batch.sequence,
    timeMs: Number(batch.timeMs),
    samples: samples.value.encoded,
    sampleCount: samples.value.count,
    droppedSamples: samples.value.dropped,
    snapshot,
  })
}

function validateDescription(
  description: HostDescription | undefined,
  limits: IntakeLimits,
  nowMs: number,
): Verdict<Uint8Array> {
  if (description === undefined) return emit(new Uint8Array())
  const { osName, osVersion, kernel, architecture, agentVersion, logicalCpus, memoryBytes, bootTimeMs } = description
  const texts = [osName, osVersion, kernel, architecture, agentVersion]
  const valid =
    texts.every((text) => text.length <= DESCRIPTION_TEXT_MAX) &&
    logicalCpus <= CPUS_MAX &&
    memoryBytes <= COUNTER_MAX &&
    bootTimeMs >= 0n &&
    bootTimeMs <= BigInt(nowMs + limits.aheadMsMax)
  if (valid) return emit(toBinary(HostDescriptionSchema, description))
  return refuse('description_invalid', 'a text, the number of CPUs, the memory or the boot time is out of range')
}
