import type { HostFacts } from './reader.ts'
import { createWireWriter, type WireWriter } from './wire.ts'

/** What the server says; as `CollectResponse` of the wire. Numbers are exact up to 2^53. */
export type CollectAnswer =
  | { readonly kind: 'welcome'; readonly window: number }
  | { readonly kind: 'acknowledgement'; readonly epoch: number; readonly sequence: number }
  | {
      readonly kind: 'refusal'
      readonly epoch: number
      readonly sequence: number
      readonly reason: string
      readonly detail: string
    }
  | { readonly kind: 'unknown' }

/**
 * Reads a CollectResponse by hand: the protobuf runtime costs 8 MB of memory for these three messages.
 * Fields that a newer server adds are skipped; bytes that are no protobuf throw a RangeError.
 */
export function decodeCollectResponse(bytes: Buffer): CollectAnswer {
  let answer: CollectAnswer = { kind: 'unknown' }
  forEachField(bytes, (field, _number, content) => {
    if (content === null) return
    const numbers = [0, 0, 0]
    const texts = ['', '', '', '', '']
    forEachField(content, (inner, number, text) => {
      if (text === null && inner <= 2) numbers[inner] = number
      if (text !== null && inner <= 4) texts[inner] = text.toString('utf8')
    })
    const [, first, second] = numbers as [number, number, number]
    if (field === 1) answer = { kind: 'welcome', window: first }
    if (field === 2) answer = { kind: 'acknowledgement', epoch: first, sequence: second }
    if (field === 3) answer = { kind: 'refusal', epoch: first, sequence: second, reason: texts[3]!, detail: texts[4]! }
  })
  return answer
}

function forEachField(bytes: Buffer, visit: (field: number, number: number, content: Buffer | null) => void): void {
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes.readUInt8(at++)
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }
  while (at < bytes.length) {
    const tag = varint()
    const type = tag % 8
    const field = Math.floor(tag / 8)
    if (type === 0) visit(field, varint(), null)
    else if (type === 2) {
      const length = varint()
      if (at + length > bytes.length) throw new RangeError('message is cut')
      visit(field, 0, bytes.subarray(at, at + length))
      at += length
    } else if (type === 1 || type === 5) at += type === 1 ? 8 : 4
    else throw new RangeError(`wire type ${type}`)
  }
}

/** An encoded CollectRequest with a hello. */
export function encodeHello(hello: { host: string; source: string; agentVersion: string }): Buffer {
  const out = createWireWriter()
  const mark = out.open(1)
  out.textField(1, hello.host)
  out.textField(2, hello.source)
  out.textField(3, hello.agentVersion)
  out.close(mark)
  return Buffer.from(out.view())
}

/** Field of CollectRequest by the kind of a spool entry. */
const FIELDS = { definitions: 2, batch: 3 } as const

/** Wraps encoded SeriesDefinitions or an encoded AgentBatch as a CollectRequest. */
export function encodeRequest(kind: keyof typeof FIELDS, bytes: Uint8Array): Buffer {
  const head: number[] = [FIELDS[kind] * 8 + 2]
  for (let rest = bytes.length; ; rest >>>= 7) {
    head.push(rest >= 0x80 ? (rest & 0x7f) | 0x80 : rest)
    if (rest < 0x80) break
  }
  const out = Buffer.allocUnsafe(head.length + bytes.length)
  out.set(head)
  out.set(bytes, head.length)
  return out
}

/** Writes a HostDescription as the bytes of a field. */
export function writeDescription(
  out: WireWriter,
  field: number,
  facts: HostFacts,
  agent: { version: string; intervalMs: number },
): void {
  const mark = out.open(field)
  out.textField(1, facts.osName)
  out.textField(2, facts.osVersion)
  out.textField(3, facts.kernel)
  out.textField(4, facts.architecture)
  out.varintField(5, facts.logicalCpus)
  out.varintField(6, facts.memoryBytes)
  out.signed64Field(7, facts.bootTimeMs)
  out.textField(8, agent.version)
  out.varintField(9, agent.intervalMs)
  out.close(mark)
}
