const INITIAL_BYTES = 64 * 1024

/**
 * Writes protobuf into one buffer that is kept between messages. The generated encoder wants an array of objects or
 * numbers per field; the agent has columns already, and a scan must not leave garbage behind.
 */
export interface WireWriter {
  /** Forgets what was written; the buffer stays. */
  reset(): void
  /** Length of what was written, bytes. */
  length(): number
  /** What was written, as a view that the next `reset` invalidates. */
  view(): Uint8Array
  /** Begins a length-delimited field; `close` with the answer ends it. Fields may nest. */
  open(field: number): number
  close(mark: number): void
  /** Unsigned, up to 2^53 - 1, without a tag: an element of a packed field. */
  varint(value: number): void
  float(value: number): void
  /** A safe integer as sfixed64. */
  signed64(value: number): void
  /** Whole fields. Zero and empty values are left out, as proto3 does. */
  varintField(field: number, value: number): void
  signed64Field(field: number, value: number): void
  fixed64Field(field: number, value: bigint): void
  textField(field: number, value: string): void
  bytesField(field: number, value: Uint8Array): void
  /** An element of a repeated text field: written even when empty. */
  textElement(field: number, value: string): void
}

const VARINT = 0
const FIXED64 = 1
const DELIMITED = 2
/** Space kept for a length until it is known; the content is moved down when the length needs less. */
const LENGTH_BYTES = 5

export function createWireWriter(): WireWriter {
  let buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES)
  let position = 0

  const reserve = (bytes: number): void => {
    if (position + bytes <= buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, position + bytes))
    buffer.copy(grown, 0, 0, position)
    buffer = grown
  }
  const varint = (value: number): void => {
    reserve(10)
    position = writeVarint(buffer, position, value)
  }
  const tag = (field: number, type: number): void => varint(field * 8 + type)
  const textElement = (field: number, value: string): void => {
    const bytes = Buffer.byteLength(value, 'utf8')
    tag(field, DELIMITED)
    varint(bytes)
    reserve(bytes)
    position += buffer.write(value, position, 'utf8')
  }

  return {
    reset: () => {
      position = 0
    },
    length: () => position,
    view: () => buffer.subarray(0, position),
    open: (field) => {
      tag(field, DELIMITED)
      reserve(LENGTH_BYTES)
      position += LENGTH_BYTES
      return position
    },
    close: (mark) => {
      const length = position - mark
      const contentAt = writeVarint(buffer, mark - LENGTH_BYTES, length)
      if (contentAt !== mark) buffer.copyWithin(contentAt, mark, position)
      position = contentAt + length
    },
    varint,
    float: (value) => {
      reserve(4)
      position = buffer.writeFloatLE(value, position)
    },
    signed64: (value) => {
      reserve(8)
      position = writeSigned64(buffer, position, value)
    },
    varintField: (field, value) => {
      if (value === 0) return
      tag(field, VARINT)
      varint(value)
    },
    signed64Field: (field, value) => {
      if (value === 0) return
      tag(field, FIXED64)
      reserve(8)
      position = writeSigned64(buffer, position, value)
    },
    fixed64Field: (field, value) => {
      tag(field, FIXED64)
      reserve(8)
      position = buffer.writeBigUInt64LE(value, position)
    },
    textField: (field, value) => {
      if (value !== '') textElement(field, value)
    },
    bytesField: (field, value) => {
      if (value.length === 0) return
      tag(field, DELIMITED)
      varint(value.length)
      reserve(value.length)
      buffer.set(value, position)
      position += value.length
    },
    textElement,
  }
}

function writeVarint(buffer: Buffer, position: number, value: number): number {
  let at = position
  let rest = value
  while (rest >= 0x80) {
    // Bit operations end at 32 bits; sizes in bytes do not.
    buffer[at++] = (rest & 0x7f) | 0x80
    rest = rest > 0x7fffffff ? Math.floor(rest / 128) : rest >>> 7
  }
  buffer[at++] = rest
  return at
}

function writeSigned64(buffer: Buffer, position: number, value: number): number {
  const low = value >>> 0
  const at = buffer.writeUInt32LE(low, position)
  return buffer.writeInt32LE((value - low) / 0x1_0000_0000, at)
}
