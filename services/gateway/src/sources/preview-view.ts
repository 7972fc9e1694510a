import type { PreviewRow } from '@driftline/ingest/source-asks'
import type { Preview } from '../schemas/sources.ts'

/** As long as a preview lives without being asked for. */
const LIVES_MS = 30_000
const ASKED_TOO_LONG_MS = 5000

/** A preview as the API tells it. */
export function toPreview(row: PreviewRow, nowMs: number): Preview {
  const { answer } = row
  const ended = row.state === 'ended' || row.state === 'expired'
  return {
    id: row.id,
    expiresAt: new Date(nowMs + (ended ? 0 : LIVES_MS)).toISOString(),
    state: stateOf(row),
    message: answer?.message ?? waitingMessage(row, nowMs),
    perSecond: answer?.perSecond ?? 0,
    items: (answer?.items ?? []).map(({ timeMs, ...item }) => ({
      ...item,
      time: isoOf(timeMs, nowMs),
      marks: item.marks.map((mark) => ({ ...mark })),
      produced: item.produced.map((sample) => ({
        ...sample,
        attributes: { ...sample.attributes },
        value: Number.isFinite(sample.value) ? sample.value : null,
      })),
      fields: item.fields === null ? null : { ...item.fields },
      refusals: item.refusals.map((refusal) => ({ ...refusal })),
      flagged: [...item.flagged],
    })),
    unmapped: (answer?.unmapped ?? []).map((topic) => ({ ...topic })),
    detected: answer?.detected
      ? { ...answer.detected, fields: answer.detected.fields.map((field) => ({ ...field })) }
      : null,
  }
}

function stateOf({ state, answer }: PreviewRow): Preview['state'] {
  if (state === 'expired') return 'ended'
  if (state === 'ended') return answer?.state === 'failed' ? 'failed' : 'ended'
  return answer?.state ?? (state === 'asked' ? 'asked' : 'connecting')
}

function waitingMessage({ state, askedAt }: PreviewRow, nowMs: number): string {
  if (state !== 'asked') return ''
  const isLong = nowMs - askedAt.getTime() > ASKED_TOO_LONG_MS
  return isLong ? 'No service that reads this kind of source answers: is it running?' : ''
}

/** Times of records are anything that somebody sent. */
function isoOf(timeMs: number, nowMs: number): string {
  return new Date(Math.abs(timeMs) <= 8.64e15 ? timeMs : nowMs).toISOString()
}
