/** Why a payload was not read: a stable snake_case word, and what a person needs to mend it. */
export class Refused {
  readonly reason: PayloadReason
  readonly detail: string
  constructor(reason: PayloadReason, detail: string) {
    this.reason = reason
    this.detail = detail
  }
}

/** Every reason for which a payload as a whole is refused: metric labels. */
export type PayloadReason =
  | 'payload_empty'
  | 'payload_too_large'
  | 'payload_not_utf8'
  | 'payload_not_a_number'
  | 'payload_not_json'
  | 'payload_not_csv'
  | 'value_not_finite'
  | 'nested_too_deep'

/** What a mapping says of its payloads. */
export interface PayloadOptions {
  readonly csv?: CsvOptions | undefined
}

export interface CsvOptions {
  /** Whether the first line of each payload names the columns. */
  readonly header: boolean
  /** Names of the columns by position, where there is no header. */
  readonly columns?: readonly string[] | undefined
  /** One character; a comma when left out. */
  readonly delimiter?: string | undefined
}

/**
 * The rows of a payload, each a number, a text, or what JSON can hold; most payloads are one row. Each row has one time.
 */
export type Decoded = readonly unknown[] | Refused

/** One way to read bytes. Adding one is a file beside this one and a line in `payload-formats.ts`. */
export interface PayloadFormat {
  readonly name: string
  /** Whether the bytes look like it. `auto` takes the first format that says so. */
  looksLike(bytes: Buffer, options: PayloadOptions): boolean
  /** Prepares the reading once per mapping. The reader never throws. */
  reader(options: PayloadOptions): (bytes: Buffer) => Decoded
  /** Whether its values are texts that may be numbers, as the cells of CSV are. */
  readonly textValues: boolean
}

/** Longer payloads are refused unread. */
export const PAYLOAD_BYTES_MAX = 256 * 1024

/** Where the first byte stands that is no white space; -1 for none. */
export function firstByte(bytes: Buffer): number {
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return at
  }
  return -1
}
