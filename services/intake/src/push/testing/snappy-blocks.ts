/** Snappy as a sender may write it: a literal, then copies of what came before where four bytes repeat. */
export function encodeSnappy(bytes: Uint8Array): Uint8Array {
  const out: number[] = []
  let rest = bytes.length
  do {
    out.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
    rest >>>= 7
  } while (rest > 0)
  const seen = new Map<number, number>()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let literal = 0
  let at = 0
  const flush = (to: number): void => {
    while (literal < to) {
      const length = Math.min(to - literal, 65_536)
      if (length <= 60) out.push((length - 1) << 2)
      else out.push(61 << 2, (length - 1) & 0xff, (length - 1) >> 8)
      for (let i = 0; i < length; i++) out.push(bytes[literal + i]!)
      literal += length
    }
  }
  while (at + 4 <= bytes.length) {
    const word = view.getUint32(at)
    const before = seen.get(word)
    seen.set(word, at)
    const offset = before === undefined ? 0 : at - before
    if (before === undefined || offset > 65_535) {
      at += 1
      continue
    }
    let length = 4
    while (length < 64 && at + length < bytes.length && bytes[before + length] === bytes[at + length]) length += 1
    flush(at)
    if (length < 12 && offset < 2048) out.push(1 | ((length - 4) << 2) | ((offset >> 8) << 5), offset & 0xff)
    else out.push(2 | ((length - 1) << 2), offset & 0xff, offset >> 8)
    at += length
    literal = at
  }
  flush(bytes.length)
  return Uint8Array.from(out)
}
