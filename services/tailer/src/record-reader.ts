import type { LineBatch } from './formats/log-format.ts'

/**
 * How bytes become records of the bus: the following half hands over chunks of complete records, the reading half
 * (formats and metrics) answers what is to be published. Everything is synchronous: a chunk's bytes are used again for
 * the next read as soon as `read` returns.
 */

/**
 * Complete records of one file or connection: at most some 512 KiB and 8,192 records. `buffer` is valid until the call
 * returns; it may hold bytes of other records, invalid UTF-8 and NUL. No record is empty.
 */
export interface RecordChunk extends LineBatch {
  /** Path of the file as the pattern found it; for syslog `udp:<address>` or `tcp:<address>`. */
  readonly subject: string
}

/**
 * Reads the records of one source. What it answers must follow from its state, the chunks and their arrival times
 * alone: after a crash the same chunks come again, and the batch is published again under the same sequence, of which
 * a part may have been stored. So there is no clock and no randomness in it.
 */
export interface RecordReader<Output> {
  /** Takes the records of one chunk in. Never throws for what stands in them: what cannot be read is in the output. */
  read(chunk: RecordChunk): void
  /**
   * Ends a batch: answers all that was taken in since the last one and is due at `nowMs`. Called at least once a
   * second, also without new records, so that open buckets close.
   */
  finish(nowMs: number): Output
  /** What the next batch depends on, such as open buckets and running counts, as short text; null for nothing. */
  save(): string | null
  /** Goes on from what was saved; called before the first chunk. What cannot be read begins anew. */
  restore(saved: string | null): void
}
