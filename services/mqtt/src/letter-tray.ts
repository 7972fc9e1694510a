import type { Refused } from '@driftline/ingest/refused'

/** A refused message on its way to the dead letters. */
export interface Letter {
  readonly refused: Refused
  readonly topic: string
  /** Process that it was of; empty where that is not known. */
  readonly process: string
  readonly atMs: number
  readonly replayable: boolean
  readonly payload: Buffer
  /** What it had, which may be more than is kept. */
  readonly byteLength: number
}

/** Letters of one hand-over. Those beyond the bound are counted by reason: the allowance would not let them through. */
export interface LetterTray {
  add(letter: Omit<Letter, 'payload' | 'byteLength'>, payload: Buffer): void
  take(): { readonly letters: readonly Letter[]; readonly suppressed: ReadonlyMap<string, number> }
}

const LETTERS_MAX = 100
/** As much as a dead letter shows. */
const PAYLOAD_BYTES_MAX = 16_385

export function createLetterTray(): LetterTray {
  let letters: Letter[] = []
  let suppressed = new Map<string, number>()
  return {
    add(letter, payload) {
      const { reason } = letter.refused
      if (letters.length >= LETTERS_MAX) suppressed.set(reason, (suppressed.get(reason) ?? 0) + 1)
      else {
        const copy = Buffer.from(payload.subarray(0, PAYLOAD_BYTES_MAX))
        letters.push({ ...letter, payload: copy, byteLength: payload.length })
      }
    },
    take() {
      const full = { letters, suppressed }
      letters = []
      suppressed = new Map()
      return full
    },
  }
}
