import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as a receiver got it. */
export interface Received {
  readonly id: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Such as `alert.opened`. */
  readonly type: string
  readonly alertId: string
  readonly processId: string
  readonly atMs: number
}

export type Answer = (response: ServerResponse, received: Received) => void

/** A real HTTP server on loopback that keeps what it gets and answers as it is told; 204 unless told otherwise. */
export interface Receiver {
  readonly url: string
  readonly received: Received[]
  answer: Answer
  stop(): Promise<void>
}

export const answerWith =
  (status: number, headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(status, headers).end()

export async function startReceiver(port = 0): Promise<Receiver> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    const atMs = performance.timeOrigin + performance.now()
    const chunks: Buffer[] = []
    request.on('error', () => {})
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString()
      const { type, data } = JSON.parse(text) as { type: string; data: { id: string; processId: string } }
      const id = String(request.headers['webhook-id'])
      const each = { id, headers: request.headers, text, type, alertId: data.id, processId: data.processId, atMs }
      received.push(each)
      receiver.answer(response, each)
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    answer: answerWith(204),
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return receiver
}
