import { type ClientHttp2Session, connect } from 'node:http2'

const EXPORT = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export'

/** A message as gRPC frames it; `length` and `packed` may say what is not so. */
export function framed(bytes: Uint8Array, { length = bytes.length, packed = false } = {}): Buffer {
  const head = Buffer.alloc(5)
  head[0] = packed ? 1 : 0
  head.writeUInt32BE(length, 1)
  return Buffer.concat([head, bytes])
}

export interface GrpcCall {
  readonly key?: string
  readonly path?: string
  readonly encoding?: string
}

/** Calls a method of gRPC with bytes of one's own and answers `grpc-status`, and the reason where it is told. */
export async function callGrpc(port: number, body: Uint8Array, call: GrpcCall = {}): Promise<string> {
  const session: ClientHttp2Session = connect(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  try {
    return await new Promise<string>((resolve, reject) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': call.path ?? EXPORT,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...(call.key === undefined ? {} : { authorization: `Bearer ${call.key}` }),
        ...(call.encoding === undefined ? {} : { 'grpc-encoding': call.encoding }),
      })
      let told = ''
      const take = (headers: Readonly<Record<string, unknown>>): void => {
        const status = headers['grpc-status']
        if (status === undefined) return
        const [reason = ''] = decodeURIComponent(String(headers['grpc-message'] ?? '')).split(':')
        told = `${String(status)} ${/^[a-z_]+$/.test(reason) ? reason : ''}`.trim()
      }
      const chunks: Buffer[] = []
      stream.on('response', take)
      stream.on('trailers', take)
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.once('close', () => {
        const text = Buffer.concat(chunks).toString('latin1')
        const reasons = [...text.matchAll(/\d+ ([a-z_]+) \(/g)].map((match) => match[1])
        resolve([told, ...new Set(reasons)].join(' '))
      })
      stream.once('error', reject)
      stream.end(body)
    })
  } finally {
    session.destroy()
  }
}
