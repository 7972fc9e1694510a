import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'

export interface HostileServer {
  readonly url: string
  readonly port: number
  /** Connections that are open now. */
  open(): number
  /** Head and body of every request, in order. */
  readonly requests: string[]
  stop(): Promise<void>
}

type Behaviour = (socket: Socket, request: string, path: string) => void

/** A server that does with each path what servers should not do. */
export async function startHostileServer(host = '127.0.0.1', port = 0): Promise<HostileServer> {
  const sockets = new Set<Socket>()
  const requests: string[] = []
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    socket.on('data', (chunk) => {
      const request = chunk.toString('latin1')
      const path = /^[A-Z]+ (\S+)/.exec(request)?.[1] ?? ''
      requests.push(request)
      const name = path.split(/[/?]/)[1] ?? ''
      const behave = behaviours[name] ?? plain
      behave(socket, request, path)
    })
  })
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address() as AddressInfo
  return {
    url: `http://${host}:${address.port}`,
    port: address.port,
    open: () => sockets.size,
    requests,
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

const answer = (headers: readonly string[], body: string | Buffer = ''): Buffer =>
  Buffer.concat([Buffer.from(`HTTP/1.1 ${headers.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body)])

const whole = (headers: readonly string[], body: string | Buffer = ''): Buffer =>
  answer([headers[0]!, `content-length: ${Buffer.byteLength(body)}`, ...headers.slice(1)], body)

const plain: Behaviour = (socket) => void socket.write(whole(['200 OK', 'content-type: text/plain'], 'hello'))

const redirect = (location: string, status = '302 Found', more: string[] = []): Buffer =>
  whole([status, `location: ${location}`, ...more])

const encoded =
  (encoding: string, body: Buffer): Behaviour =>
  (socket) =>
    void socket.write(whole(['200 OK', `content-encoding: ${encoding}`], body))

/** Writes on and on, as fast as the other side reads. */
function flood(socket: Socket, chunk: Buffer): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
    if (!socket.destroyed) socket.once('drain', more)
  }
  more()
}

let madeBomb: Buffer | undefined
const bomb = (): Buffer => {
  madeBomb ??= gzipSync(Buffer.alloc(20_000_000))
  return madeBomb
}

const text = 'hello in many words '.repeat(1000)

const behaviours: Readonly<Record<string, Behaviour>> = {
  silent: () => {},
  drip(socket) {
    socket.write(answer(['200 OK', 'content-length: 1000']))
    const timer = setInterval(() => socket.write('x'), 1000)
    socket.once('close', () => clearInterval(timer))
  },
  'drip-headers'(socket) {
    socket.write('HTTP/1.1 200 OK\r\n')
    const timer = setInterval(() => socket.write('x: y\r\n'), 100)
    socket.once('close', () => clearInterval(timer))
  },
  endless(socket) {
    socket.write(answer(['200 OK']))
    flood(socket, Buffer.alloc(65_536, 'x'))
  },
  bomb: (socket) => void socket.write(whole(['200 OK', 'content-encoding: gzip'], bomb())),
  'bomb-in-bomb': (socket) => void socket.write(whole(['200 OK', 'content-encoding: gzip, gzip'], gzipSync(bomb()))),
  loop: (socket) => void socket.write(redirect('/loop')),
  ping: (socket) => void socket.write(redirect('/pong')),
  pong: (socket) => void socket.write(redirect('/ping')),
  many: (socket, _request, path) => void socket.write(redirect(`/many/${Number(path.split('/')[2] ?? 0) + 1}`)),
  few: (socket, _request, path) => {
    const number = Number(path.split('/')[2] ?? 0)
    socket.write(number >= 10 ? whole(['200 OK'], 'there') : redirect(`/few/${number + 1}`))
  },
  private: (socket) => void socket.write(redirect('http://10.1.2.3/latest/meta-data')),
  metadata: (socket) => void socket.write(redirect('http://[::ffff:169.254.169.254]/')),
  userinfo: (socket) => void socket.write(redirect('http://127.0.0.1@10.1.2.3/')),
  file: (socket) => void socket.write(redirect('file:///etc/passwd')),
  nowhere: (socket) => void socket.write(redirect('http://[')),
  to: (socket, _request, path) => void socket.write(redirect(decodeURIComponent(path.slice(4)))),
  status: (socket, _request, path) => void socket.write(redirect('/echo', `${path.split('/')[2]} Moved`)),
  'sign-in': (socket, request) =>
    void socket.write(
      /cookie: .*session=1/i.test(request)
        ? whole(['200 OK'], 'signed in')
        : redirect('/sign-in', '302 Found', ['set-cookie: session=1; Path=/', 'set-cookie: other=2']),
    ),
  echo: (socket, request) => void socket.write(whole(['200 OK'], request)),
  'close-at-once': (socket) => void socket.destroy(),
  'close-mid-body': (socket) => void socket.end(answer(['200 OK', 'content-length: 1000'], 'only this')),
  'reset-mid-body'(socket) {
    socket.write(answer(['200 OK', 'content-length: 1000'], 'only this'), () =>
      setTimeout(() => socket.resetAndDestroy(), 20),
    )
  },
  'close-mid-chunk': (socket) => void socket.end(answer(['200 OK', 'transfer-encoding: chunked'], 'ff\r\nonly this')),
  'odd-chunk': (socket) => void socket.write(answer(['200 OK', 'transfer-encoding: chunked'], 'zz\r\nodd')),
  garbage: (socket) => void socket.write(Buffer.from([0, 1, 2, 255, 254, 10, 13, 10])),
  ssh: (socket) => void socket.write('SSH-2.0-OpenSSH_9.2p1\r\n'),
  'no-headers': (socket) => void socket.end('hello'),
  'two-lengths': (socket) => void socket.write(answer(['200 OK', 'content-length: 3', 'content-length: 5'], 'hello')),
  'odd-length': (socket) => void socket.write(answer(['200 OK', 'content-length: -5'], 'hello')),
  'too-long': (socket) => void socket.write(answer(['200 OK', 'content-length: 5'], 'hello and much more')),
  switching: (socket) => void socket.write(answer(['101 Switching Protocols', 'upgrade: x', 'connection: upgrade'])),
  'line-of-100-mb'(socket) {
    socket.write('HTTP/1.1 200 OK\r\nx: ')
    flood(socket, Buffer.alloc(65_536, 'x'))
  },
  'headers-without-end'(socket) {
    socket.write('HTTP/1.1 200 OK\r\n')
    flood(socket, Buffer.from('x: y\r\n'.repeat(1000)))
  },
  'large-headers': (socket) => void socket.write(whole(['200 OK', `x: ${'y'.repeat(60_000)}`], 'fine')),
  gzip: encoded('gzip', gzipSync(text)),
  'x-gzip': encoded('X-GZip', gzipSync(text)),
  deflate: encoded('deflate', deflateSync(text)),
  'deflate-raw': encoded('deflate', deflateRawSync(text)),
  br: encoded('br', brotliCompressSync(text)),
  'gzip-br': encoded('gzip, br', brotliCompressSync(gzipSync(text))),
  'gzip-empty': encoded('gzip', Buffer.alloc(0)),
  'not-gzip': encoded('gzip', Buffer.from('hello')),
  'half-gzip': encoded('gzip', gzipSync(text).subarray(0, 60)),
  'other-encoding': encoded('zstd', Buffer.from('as it is')),
  'four-encodings': encoded('gzip, gzip, gzip, gzip', gzipSync(text)),
  empty: (socket) => void socket.write(answer(['204 No Content'])),
  'close-after': (socket) => void socket.end(whole(['200 OK', 'connection: close'], 'bye')),
  /** Answers once on each connection and drops the next request. */
  once: (() => {
    const answered = new WeakSet<Socket>()
    return (socket: Socket) => {
      if (answered.has(socket)) socket.destroy()
      else socket.write(whole(['200 OK'], 'once'))
      answered.add(socket)
    }
  })(),
}
