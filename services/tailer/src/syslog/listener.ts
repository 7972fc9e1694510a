import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { BlockList, createServer, isIP, type Server, type Socket } from 'node:net'
import { AppError } from '@driftline/platform/errors'
import { createSyslogFramer } from './framer.ts'

export interface SyslogListenerConfig {
  readonly bind: string
  /** Null for none; 0 picks a free one. */
  readonly udpPort: number | null
  readonly tcpPort: number | null
  /** Networks that may send, in CIDR notation; null for all. */
  readonly allow: readonly string[] | null
  readonly messageBytesMax: number
  readonly connectionsMax: number
}

/** Why something was refused at the door. Stable words. */
export type SyslogRefusal =
  | 'sender_not_allowed'
  | 'too_many_connections'
  | 'framing_broken'
  | 'line_too_long'
  | 'queue_full'

export interface SyslogSink {
  /** Takes a message, good until the call returns; answers false when there is no room now. */
  take(sender: string, bytes: Buffer): boolean
  refused(reason: SyslogRefusal, sender: string, bytes: Buffer): void
}

/** Syslog over UDP and TCP. TCP senders wait while there is no room; what UDP brings then is refused. */
export interface SyslogListener {
  /** Errors: `port_in_use`, `config_invalid`. */
  start(): Promise<void>
  /** There is room again. */
  resume(): void
  ports(): { readonly udp: number | null; readonly tcp: number | null }
  connections(): number
  stop(): Promise<void>
}

/** The kernel keeps so much while we are busy; it may allow less. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
const NOTHING = Buffer.alloc(0)

interface Connection {
  readonly socket: Socket
  readonly sender: string
  /** Messages that found no room; the socket is paused while there are any. */
  readonly waiting: Buffer[]
}

export function createSyslogListener(config: SyslogListenerConfig, sink: SyslogSink): SyslogListener {
  const allowed = allowList(config.allow)
  const connections = new Set<Connection>()
  let udp: UdpSocket | null = null
  let tcp: Server | null = null

  const accept = (socket: Socket): void => {
    const address = plainAddress(socket.remoteAddress ?? '')
    const sender = `tcp:${address}`
    socket.on('error', () => socket.destroy())
    const reason = !allowed(address)
      ? 'sender_not_allowed'
      : connections.size >= config.connectionsMax
        ? 'too_many_connections'
        : null
    if (reason !== null) {
      sink.refused(reason, sender, NOTHING)
      socket.destroy()
      return
    }
    socket.setKeepAlive(true, 60_000)
    serve({ socket, sender, waiting: [] })
  }

  const serve = (connection: Connection): void => {
    const { socket, sender, waiting } = connection
    connections.add(connection)
    const framer = createSyslogFramer(config.messageBytesMax, {
      message(bytes) {
        if (waiting.length === 0 && sink.take(sender, bytes)) return
        waiting.push(Buffer.from(bytes))
        socket.pause()
      },
      cut: () => sink.refused('line_too_long', sender, NOTHING),
    })
    socket.on('data', (bytes: Buffer) => {
      if (framer.take(bytes)) return
      sink.refused('framing_broken', sender, bytes)
      socket.destroy()
    })
    socket.on('end', () => framer.end())
    socket.on('close', () => {
      // What waits was received whole; it is kept until there is room.
      if (waiting.length === 0) connections.delete(connection)
    })
  }

  const receive = (bytes: Buffer, address: string): void => {
    const plain = plainAddress(address)
    const sender = `udp:${plain}`
    if (!allowed(plain)) {
      sink.refused('sender_not_allowed', sender, bytes)
      return
    }
    let end = bytes.length
    while (end > 0 && (bytes[end - 1] === 10 || bytes[end - 1] === 13 || bytes[end - 1] === 0)) end -= 1
    if (end > config.messageBytesMax) {
      sink.refused('line_too_long', sender, NOTHING)
      end = config.messageBytesMax
    }
    if (end > 0 && !sink.take(sender, bytes.subarray(0, end))) sink.refused('queue_full', sender, bytes)
  }

  return {
    async start() {
      if (config.tcpPort !== null) {
        tcp = createServer(accept)
        await listenTcp(tcp, config.tcpPort, config.bind)
      }
      if (config.udpPort !== null) {
        udp = createSocket({ type: config.bind.includes(':') ? 'udp6' : 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES })
        udp.on('message', (bytes, { address }) => receive(bytes, address))
        await listenUdp(udp, config.udpPort, config.bind)
      }
    },
    resume() {
      for (const connection of connections) {
        const { socket, sender, waiting } = connection
        while (waiting.length > 0 && sink.take(sender, waiting[0]!)) waiting.shift()
        if (waiting.length > 0) return
        if (socket.destroyed) connections.delete(connection)
        else socket.resume()
      }
    },
    ports: () => ({ udp: udp?.address().port ?? null, tcp: portOf(tcp) }),
    connections: () => connections.size,
    async stop() {
      const closing: Promise<void>[] = []
      if (udp !== null) closing.push(new Promise((resolve) => udp!.close(() => resolve())))
      if (tcp !== null) closing.push(new Promise((resolve) => tcp!.close(() => resolve())))
      for (const { socket } of connections) socket.destroy()
      udp = null
      tcp = null
      await Promise.all(closing)
    },
  }
}

function portOf(server: Server | null): number | null {
  const address = server?.address() ?? null
  return address === null || typeof address === 'string' ? null : address.port
}

function listenTcp(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, 'TCP', port, host)))
    server.listen(port, host, () => {
      server.removeAllListeners('error')
      server.on('error', () => {})
      resolve()
    })
  })
}

function listenUdp(socket: UdpSocket, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // Closed by `stop`: closed here as well it would throw there, and nobody would try again.
    socket.once('error', (error) => reject(listenError(error, 'UDP', port, host)))
    socket.bind(port, host, () => {
      socket.removeAllListeners('error')
      socket.on('error', () => {})
      resolve()
    })
  })
}

function listenError(cause: Error, protocol: string, port: number, host: string): AppError {
  const { code } = cause as NodeJS.ErrnoException
  const place = `${protocol} port ${port} of ${host}`
  if (code === 'EADDRINUSE') return new AppError('port_in_use', `${place} is in use`, { cause, retryable: true })
  if (code === 'EACCES') {
    return new AppError('config_invalid', `${place} may not be opened by this user: choose one above 1023`, { cause })
  }
  return new AppError('config_invalid', `${place} cannot be opened: ${cause.message}`, { cause })
}

const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/, '')

/** Errors: `config_invalid`. */
function allowList(networks: readonly string[] | null): (address: string) => boolean {
  if (networks === null) return () => true
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', prefix] = network.split('/')
    const version = isIP(address)
    const bits = prefix === undefined ? (version === 4 ? 32 : 128) : Number(prefix)
    if (version === 0 || !Number.isInteger(bits) || bits < 0 || bits > (version === 4 ? 32 : 128)) {
      throw new AppError('config_invalid', `${network} is not a network such as 10.0.0.0/8`)
    }
    list.addSubnet(address, bits, version === 4 ? 'ipv4' : 'ipv6')
  }
  return (address) => isIP(address) !== 0 && list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6')
}
