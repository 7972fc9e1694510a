import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createSqlType } from './sql-type.ts'
import { createStoreRig, createStoreTools, failureOf } from './testing/store-rig.ts'

const TIMEOUT_MS = 3000

/** What every driver meets sooner or later, with real sockets. SQL Server and Oracle are proven this far and no more. */
describe('sql where there is no database', () => {
  const servers: Server[] = []
  const sockets = new Set<Socket>()
  afterEach(() => {
    for (const socket of sockets) socket.destroy()
    for (const server of servers.splice(0)) server.close()
  })

  const listen = async (answer: (socket: Socket) => void): Promise<number> => {
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
      socket.resume()
      answer(socket)
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as { port: number }).port
  }
  const credentials = { reader: { kind: 'basic', fields: { username: 'reader', password: 'canary-secret' } } } as const
  const rig = createStoreRig('sql', createSqlType, createStoreTools({ credentials }))
  const ask = async (scheme: string, port: number, more: Record<string, unknown> = {}) => {
    const query = scheme === 'oracle' ? 'SELECT 1 FROM dual' : 'SELECT 1'
    const url = `${scheme}://127.0.0.1:${port}/shop`
    const failure = await failureOf(rig.run({ url, credential: 'reader', query, ...more }, { timeoutMs: TIMEOUT_MS }))
    expect(failure.hint).not.toBe('')
    expect(`${failure.message} ${failure.hint} ${failure.stack}`).not.toContain('canary-secret')
    return failure
  }
  const untilClosed = async (): Promise<void> => {
    while (sockets.size > 0) await new Promise((resolve) => setTimeout(resolve, 10))
  }

  const schemes = ['postgresql', 'mysql', 'sqlserver', 'oracle']

  it.each(schemes)('%s: a port where nobody listens', async (scheme) => {
    expect((await ask(scheme, 1)).reason).toBe('connection_refused')
  })

  it.each(schemes)('%s: a server that closes at once', async (scheme) => {
    const failure = await ask(scheme, await listen((socket) => socket.destroy()))
    expect(['connection_lost', 'answer_invalid', 'connection_failed']).toContain(failure.reason)
    await untilClosed()
  })

  it.each(schemes)('%s: a server that says nothing', async (scheme) => {
    const startedMs = performance.now()
    expect((await ask(scheme, await listen(() => {}))).reason).toBe('timeout')
    expect(performance.now() - startedMs).toBeLessThan(TIMEOUT_MS + 5000)
    await untilClosed()
  })

  it.each(schemes)('%s: another service', async (scheme) => {
    const port = await listen((socket) => socket.write('220 mail.example ESMTP, and a few more words of greeting\r\n'))
    // The driver of Oracle takes the greeting for the beginning of a long packet, and waits for its end.
    expect((await ask(scheme, port)).reason).toBe(scheme === 'oracle' ? 'timeout' : 'answer_invalid')
    await untilClosed()
  })

  it.each(schemes)('%s: an address that is not allowed', async (scheme) => {
    const strict = createStoreRig('sql', createSqlType, createStoreTools({ credentials, allowedNetworks: [] }))
    const config = { url: `${scheme}://127.0.0.1/shop`, credential: 'reader', query: 'SELECT 1' }
    expect((await failureOf(strict.run(config))).reason).toBe('address_refused')
  })

  it('oracle: a listener that sends us elsewhere', async () => {
    let isAsked = false
    const elsewhere = await listen(() => {
      isAsked = true
    })
    const to = `(ADDRESS=(PROTOCOL=tcp)(HOST=127.0.0.1)(PORT=${elsewhere}))`
    const port = await listen((socket) => {
      socket.once('data', () => {
        const packet = Buffer.alloc(10 + to.length)
        packet.writeUInt16BE(packet.length, 0)
        // A redirection (TNS packet of type 5) with its address.
        packet[4] = 5
        packet.writeUInt16BE(to.length, 8)
        packet.write(to, 10, 'latin1')
        socket.write(packet)
      })
    })
    const failure = await ask('oracle', port)
    expect(isAsked).toBe(false)
    expect(failure.reason).toBe('address_refused')
  })
})
