import { describe, expect, it, vi } from 'vitest'
import { startHostileServer } from './testing/hostile-server.ts'
import { createNetRig } from './testing/net-rig.ts'

const connectTo = async (addresses: string[], port: number, signal = AbortSignal.timeout(10_000)) => {
  const rig = createNetRig({ resolver: async () => addresses.map((address) => ({ address })) })
  const socket = await rig.guard.connect('acme', 'many.example', port, signal)
  const { remoteAddress } = socket
  socket.destroy()
  return remoteAddress
}

describe('connecting to one of several addresses', () => {
  it('takes the next where one refuses, and leaves nothing open', async () => {
    const server = await startHostileServer()
    expect(await connectTo(['127.0.0.9', '127.0.0.8', '127.0.0.1'], server.port)).toBe('127.0.0.1')
    expect(await connectTo(['127.0.0.1', '127.0.0.9'], server.port)).toBe('127.0.0.1')
    await vi.waitFor(() => expect(server.open()).toBe(0), { timeout: 5000 })
    await server.stop()
  })

  it('says so when all refuse, or when its time is over before it begins', async () => {
    const server = await startHostileServer()
    const { port } = server
    await server.stop()
    await expect(connectTo(['127.0.0.9', '127.0.0.1'], port)).rejects.toMatchObject({
      reason: 'connection_refused',
      message: `many.example:${port} refused the connection`,
    })
    await expect(connectTo(['127.0.0.1'], port, AbortSignal.abort())).rejects.toMatchObject({ reason: 'timeout' })
  })

  it('refuses a name when one of its addresses is not allowed', async () => {
    await expect(connectTo(['127.0.0.1', '10.1.2.3'], 80)).rejects.toMatchObject({
      reason: 'address_refused',
      message: expect.stringMatching(/^Connecting to many\.example \(10\.1\.2\.3\) is not allowed/),
    })
  })
})
