import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'

/** Answers for a name and type: addresses, or whole record data; an error code of DNS; or silence. */
export type NameAnswer = readonly Buffer[] | 'nxdomain' | 'servfail' | 'silence'

export interface NameServer {
  readonly address: string
  /** Questions in order: `A crm.example`. */
  readonly questions: string[]
  stop(): Promise<void>
}

const TYPES: Readonly<Record<number, string>> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
}
const CODES = { nxdomain: 3, servfail: 2 } as const

/** A name server on a free UDP port of loopback that answers as it is told, each time anew. */
export async function startNameServer(answer: (question: string) => NameAnswer): Promise<NameServer> {
  const socket = createSocket('udp4')
  const questions: string[] = []
  socket.on('message', (message: Buffer, from: RemoteInfo) => {
    const { name, type, end } = readQuestion(message)
    const question = `${TYPES[type] ?? type} ${name}`
    questions.push(question)
    const given = answer(question)
    if (given === 'silence') return
    const records = typeof given === 'string' ? [] : given
    const head = Buffer.from(message.subarray(0, 12))
    head.writeUInt16BE(0x8180 | (typeof given === 'string' ? CODES[given] : 0), 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(records.length, 6)
    head.writeUInt32BE(0, 8)
    const parts = records.map((data) => {
      const record = Buffer.alloc(12)
      record.writeUInt16BE(0xc00c, 0)
      record.writeUInt16BE(type, 2)
      record.writeUInt16BE(1, 4)
      record.writeUInt16BE(data.length, 10)
      return Buffer.concat([record, data])
    })
    socket.send(Buffer.concat([head, message.subarray(12, end), ...parts]), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    address: `127.0.0.1:${socket.address().port}`,
    questions,
    async stop() {
      socket.close()
      await once(socket, 'close')
    },
  }
}

export const addressRecord = (address: string): Buffer => Buffer.from(address.split('.').map(Number))

export const nameRecord = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.from([0]),
  ])

function readQuestion(message: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = message[at]!; length > 0; length = message[at]!) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length))
    at += length + 1
  }
  return { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1), end: at + 5 }
}
