import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { createSyslogListener } from './listener.ts'

test('a UDP port that is taken is said, and what was opened before it is closed again', async () => {
  const other = createSocket('udp4')
  other.bind(0, '127.0.0.1')
  await once(other, 'listening')
  const limits = { messageBytesMax: 1000, connectionsMax: 10, allow: null }
  const ports = { udpPort: other.address().port, tcpPort: 0 }
  const listener = createSyslogListener(
    { bind: '127.0.0.1', ...ports, ...limits },
    { take: () => true, refused: () => {} },
  )
  await expect(listener.start()).rejects.toMatchObject({ code: 'port_in_use' })
  await listener.stop()
  expect(listener.ports()).toEqual({ udp: null, tcp: null })
  other.close()
})
