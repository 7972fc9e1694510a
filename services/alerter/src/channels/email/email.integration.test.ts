import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { AnomalyPhase } from '@driftline/proto'
import { afterEach, expect, it } from 'vitest'
import { messagesAt, startSmtp } from '../../../../../infra/servers/smtp.ts'
import { anomalyOf, eventually, testConfig } from '../../testing/alerter-test-kit.ts'
import { startStack } from '../../testing/stack.ts'
import type { Message, SendResult } from '../channel.ts'
import { createEmailChannel, type SmtpConfig } from './email.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const smtpAt = (url: string, more: Partial<SmtpConfig> = {}): SmtpConfig => ({
  host: new URL(url).hostname,
  port: Number(new URL(url).port),
  user: null,
  password: null,
  secure: false,
  startTls: 'offered',
  from: 'Driftline <alerts@example.org>',
  ...more,
})

const message: Message = {
  id: 'msg_1',
  alertId: 'al_1',
  event: 'opened',
  target: 'ops@example.org',
  payload: { timestamp: 'now', data: { processId: 'os:web-1:nginx', severity: 'critical', message: 'it burns' } },
}

function send(smtp: SmtpConfig | null, timeoutMs = 10_000): Promise<SendResult> {
  const channel = createEmailChannel({ name: 'email', recipients: [message.target], smtp })
  const signal = AbortSignal.timeout(timeoutMs)
  return channel.send(message, { nowMs: Date.now(), signal, onFirstByte: () => {} })
}

/** A mail server that says what a script says; null says nothing at all. */
async function scripted(answer: (command: string) => string | null): Promise<string> {
  const server = createServer((socket) => {
    const say = (text: string | null): unknown => text !== null && socket.write(`${text}\r\n`)
    socket.on('error', () => {})
    socket.on('data', (chunk) => say(answer(chunk.toString().trim())))
    say(answer(''))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stops.push(() => server.close())
  return `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describeWithServer('smtp', 'mail', (server) => {
  it('reaches each recipient when an alert opens and when it is over', async () => {
    const { hostname: host, port } = new URL(server().url)
    const domain = `${crypto.randomUUID()}.example.org`
    const recipients = [`ops@${domain}`, `boss@${domain}`]
    const alerting = {
      smtp: { host, port: Number(port), from: 'Driftline <alerts@example.org>' },
      alert_channels: [{ channel: 'email', recipients }],
    }
    const stack = await startStack({ config: testConfig(alerting) })
    stops.push(() => stack.stop())
    const mails = (): string[] => messagesAt(server().url).filter((text) => text.includes(domain))
    const evil = 'os:web-1:x\r\nBcc: everyone@example.org'
    await stack.publish(anomalyOf({ process: evil, description: 'CPU <b>370 %</b> of ngïnx' }))
    await eventually('both hear of it', () => mails().length === 2)
    await stack.publish(anomalyOf({ process: evil, revision: 2, phase: AnomalyPhase.CLOSED }))
    await eventually('both hear of its end', () => mails().length === 4)
    for (const recipient of recipients) {
      const own = mails().filter((text) => text.includes(`X-RcptTo: ${recipient}`))
      expect(own).toHaveLength(2)
      const headers = own.map((text) => text.split(/\r?\n\r?\n/)[0] ?? '')
      expect(headers.filter((text) => /^Bcc:/im.test(text))).toEqual([])
      expect(headers.every((text) => text.includes('Auto-Submitted: auto-generated'))).toBe(true)
      const [, html = ''] = own[0]!.split('Content-Type: text/html')
      expect(html).toContain('&lt;b&gt;370')
      expect(html).not.toContain('<b>370')
    }
    const ids = mails().map((text) => /^Message-ID: (<msg_[0-9a-f]{32}@example.org>)/im.exec(text)?.[1])
    expect(new Set(ids).size).toBe(4)
  })

  it('keeps a message until the server is back', async () => {
    const own = await startSmtp()
    stops.push(() => own.stop())
    const { hostname: host, port } = new URL(own.url)
    await own.crash()
    const alerting = {
      smtp: { host, port: Number(port) },
      alert_channels: [{ channel: 'email', recipients: ['ops@example.org'] }],
    }
    const stack = await startStack({ config: testConfig(alerting) })
    stops.push(() => stack.stop())
    await stack.publish(anomalyOf())
    await eventually('it is tried', async () => {
      const row = await stack.metadata.db.selectFrom('alert_deliveries').select('last_error').executeTakeFirst()
      return row?.last_error?.startsWith('the mail server did not take it') === true
    })
    await own.restart()
    await eventually('it arrives', async () => (await own.messages()).length === 1)
  })

  it('goes encrypted where the server asks for it, and not to one whose certificate nobody signed', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'driftline-smtp-tls-'))
    stops.push(() => rmSync(dir, { recursive: true }))
    const [certFile, keyFile] = [join(dir, 'cert.pem'), join(dir, 'key.pem')]
    const subject = ['-subj', '/CN=localhost', '-days', '2', '-nodes']
    const made = ['req', '-x509', '-newkey', 'rsa:2048', '-keyout', keyFile, '-out', certFile, ...subject]
    execFileSync('openssl', made, { stdio: 'pipe' })
    const own = await startSmtp({ tls: { certFile, keyFile } })
    stops.push(() => own.stop())
    expect(await send(smtpAt(own.url))).toMatchObject({ kind: 'unavailable' })
    expect(await send(smtpAt(own.url, { startTls: 'never' }))).toMatchObject({ kind: 'refused' })
    expect(await own.messages()).toEqual([])
  })

  it('gives no password to a server without encryption unless told to', async () => {
    const credentials = { user: 'u', password: 'p', startTls: 'required' } as const
    expect(await send(smtpAt(server().url, credentials))).toMatchObject({ kind: 'unavailable' })
  })
})

it('is refused for good, or tried again, as the server says', async () => {
  const rcpt = (reply: string) => (command: string) => {
    if (command === '') return '220 here'
    if (command.startsWith('RCPT')) return reply
    return command.startsWith('DATA') ? '354 go on' : '250 fine'
  }
  const cases = [
    { server: rcpt('550 5.1.1 nobody of this name; secret words'), kind: 'refused' },
    { server: rcpt('451 4.7.1 greylisted, secret words'), kind: 'unavailable' },
    { server: () => '421 busy', kind: 'unavailable' },
  ]
  for (const { server, kind } of cases) {
    const result = await send(smtpAt(await scripted(server)))
    expect(result).toMatchObject({ kind })
    expect(JSON.stringify(result)).not.toContain('secret')
  }
})

it('does not wait for ever for a server that says nothing', async () => {
  const result = await send(smtpAt(await scripted(() => null)), 200)
  expect(result).toEqual({ kind: 'unavailable', reason: 'the mail server did not answer in time', retryAfterMs: null })
})

it('says that no mail server is set', async () => {
  expect(await send(null)).toMatchObject({ kind: 'refused', reason: expect.stringContaining('smtp.host') })
})
