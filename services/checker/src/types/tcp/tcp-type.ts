import type { Socket } from 'node:net'
import type { TcpConfig } from '@driftline/checks/types/network'
import {
  type CheckAnswer,
  type CheckContext,
  CheckFailure,
  type CheckTools,
  type CreateCheckType,
} from '../../check-type.ts'
import { connectFailure, timeUp } from '../../net/connect-failures.ts'
import { hostAndPort } from '../../net/host-spelling.ts'

/** A greeting that pauses for so long is taken as said: protocols seldom close after it. */
const PAUSE_MS = 200

export const createTcpType: CreateCheckType<'tcp'> = (tools) => ({
  name: 'tcp',
  run: (config, context) => run(tools, config, context),
})

async function run({ guard, limits }: CheckTools, config: TcpConfig, context: CheckContext): Promise<CheckAnswer> {
  const { host, port, send, readBytes } = config
  const { tenant, signal } = context
  const where = hostAndPort(host, port)
  const leave = await limits.enter(tenant, host, signal, port)
  let socket: Socket | undefined
  try {
    const startedMs = performance.now()
    socket = await guard.connect(tenant, host, port, signal)
    const latency = Math.round((performance.now() - startedMs) * 1000) / 1000
    context.log(`Connected to ${where} in ${latency.toFixed(1)} ms`)
    if (send !== undefined) socket.write(send)
    const said = readBytes === 0 ? null : await readSome(socket, readBytes, where, signal)
    const banner = said?.toString('utf8')
    return {
      fact: (of) => (of === 'latency' ? latency : of === 'banner' ? banner : undefined),
      result: { connected: true, latencyMs: latency, ...(said === null ? {} : { bytes: said.length }) },
      ...(banner === undefined ? {} : { body: { text: banner, mediaType: 'text/plain' } }),
    }
  } finally {
    socket?.destroy()
    leave()
  }
}

/** Up to so many bytes: until they are there, the other side ends, or it pauses after having said something. */
function readSome(socket: Socket, bytesMax: number, where: string, signal: AbortSignal): Promise<Buffer> {
  const startedMs = performance.now()
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    let pause: NodeJS.Timeout | undefined
    const finish = (failure: CheckFailure | null): void => {
      clearTimeout(pause)
      signal.removeEventListener('abort', onAbort)
      if (failure === null) resolve(Buffer.concat(chunks).subarray(0, bytesMax))
      else reject(failure)
    }
    const onAbort = (): void => {
      finish(
        bytes > 0 ? null : timeUp(`${where} was connected to, but said nothing: waiting`, startedMs, signal.reason),
      )
    }
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      bytes += chunk.length
      clearTimeout(pause)
      if (bytes >= bytesMax) finish(null)
      else pause = setTimeout(() => finish(null), PAUSE_MS)
    })
    socket.once('error', (error) => finish(connectFailure(error, where)))
    socket.once('end', () => finish(bytes > 0 ? null : endedSilently(where)))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}

function endedSilently(where: string): CheckFailure {
  return new CheckFailure('connection_lost', `${where} closed the connection without saying anything`, {
    hint: 'See the log of the service, and whether it expects something first (send)',
    retry: 'always',
  })
}
