/**
 * Publishers as a process of their own: `tsx publishers.ts <port> <clients> <per second, 0 for all they can> <window>`.
 * Each is a connection with QoS 1 and at most `window` messages without acknowledgement. Prints a line of JSON a second.
 */
import { connect, type Socket } from 'node:net'
import { generate } from 'mqtt-packet'

/** What they say once a second, of that second but for `total`. Latencies from PUBLISH to PUBACK, milliseconds. */
export interface PublishersReport {
  readonly acknowledged: number
  readonly total: number
  readonly p50: number
  readonly p99: number
  readonly worst: number
}

const [port = 0, clients = 0, perSecond = 0, window = 1] = process.argv.slice(2).map(Number)
const TICK_MS = 5
const BUCKETS = 2000

/** Latencies of the running second: a count per millisecond. */
let latencies = new Uint32Array(BUCKETS)
let acknowledged = 0
let total = 0

class Publisher {
  readonly socket: Socket
  readonly packet: Buffer
  readonly timeAt: number
  readonly readingsAt: readonly number[]
  readonly sentMs = new Float64Array(65_536)
  inFlight = 0
  due = 0
  private id = 0
  private rest: Buffer = Buffer.alloc(0)

  constructor(index: number) {
    // 100 bytes: what a machine sends; its time and three readings are written anew into each.
    const text = `{"ts":${Date.now()},"temp":41.0000,"rpm":10000,"vib":{"rms":0.0000},"state":"run","n":"press-${index % 1000}"}`
    const payload = Buffer.from(text.padEnd(100, ' '))
    const topic = `bench/site-${index % 10}/press-${index}`
    this.packet = generate({ cmd: 'publish', topic, payload, qos: 1, messageId: 1, dup: false, retain: false })
    const payloadAt = this.packet.length - payload.length
    this.timeAt = payloadAt + 6
    this.readingsAt = ['41.', ':1', '0.0'].map((before, at) => payloadAt + text.indexOf(before, 19) + [3, 2, 2][at]!)
    this.socket = connect(port, '127.0.0.1')
    this.socket.setNoDelay(true)
    this.socket.write(
      generate({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clientId: `bench-${index}`,
        clean: true,
        keepalive: 0,
      }),
    )
  }

  /** Sends up to `count` messages in one write; answers how many. */
  send(count: number): number {
    const room = Math.min(count, window - this.inFlight)
    if (room <= 0) return 0
    const bytes = Buffer.allocUnsafe(room * this.packet.length)
    const nowMs = performance.now()
    const time = String(Date.now())
    for (let index = 0; index < room; index++) {
      this.id = (this.id % 65_535) + 1
      const at = index * this.packet.length
      this.packet.copy(bytes, at)
      bytes.write(time, at + this.timeAt, 'latin1')
      bytes.writeUInt16BE(this.id, at + this.timeAt - 8)
      const digits = String(1000 + (this.id % 9000))
      for (const readingAt of this.readingsAt) bytes.write(digits, at + readingAt, 'latin1')
      this.sentMs[this.id] = nowMs
    }
    this.inFlight += room
    this.socket.write(bytes)
    return room
  }

  receive(chunk: Buffer): void {
    const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk])
    const nowMs = performance.now()
    let at = 0
    for (; at + 4 <= bytes.length; at += 4) {
      if (bytes[at] !== 0x40) continue
      const id = bytes.readUInt16BE(at + 2)
      const latency = Math.min(BUCKETS - 1, Math.floor(nowMs - this.sentMs[id]!))
      latencies[latency]! += 1
      this.inFlight -= 1
      acknowledged += 1
      total += 1
    }
    this.rest = at === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(at))
    if (perSecond === 0) this.send(window)
  }
}

const publishers: Publisher[] = []
for (let index = 0; index < clients; index++) {
  const publisher = new Publisher(index)
  publishers.push(publisher)
  await new Promise<void>((resolve, reject) => {
    publisher.socket.once('data', () => resolve())
    publisher.socket.once('error', reject)
  })
  publisher.socket.on('data', (chunk) => publisher.receive(chunk))
  publisher.socket.on('error', () => {})
}

const startedMs = performance.now()
let asked = 0
let next = 0
setInterval(() => {
  if (perSecond === 0) return
  const should = ((performance.now() - startedMs) / 1000) * perSecond
  // Publishers take turns; one whose window is full is passed over.
  for (let tried = 0; asked < should && tried < clients; tried++) {
    asked += publishers[next]!.send(1)
    next = (next + 1) % clients
  }
}, TICK_MS)
if (perSecond === 0) for (const publisher of publishers) publisher.send(window)

const quantile = (share: number): number => {
  const wanted = acknowledged * share
  let seen = 0
  for (let ms = 0; ms < BUCKETS; ms++) {
    seen += latencies[ms]!
    if (seen >= wanted) return ms
  }
  return BUCKETS
}
setInterval(() => {
  const line: PublishersReport = { acknowledged, total, p50: quantile(0.5), p99: quantile(0.99), worst: quantile(1) }
  process.stdout.write(`${JSON.stringify(line)}\n`)
  latencies = new Uint32Array(BUCKETS)
  acknowledged = 0
}, 1000)
