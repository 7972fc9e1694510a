import { describe, expect, it } from 'vitest'
import { readAlerterConfig } from './config.ts'

const read = (alerting: unknown, env: Record<string, string> = {}) =>
  readAlerterConfig({ env, yaml: { process_monitor: { alerting } }, file: null })

describe('the settings of alerting', () => {
  it('hold both rules for every channel where none are set', () => {
    const { rules, channels, smtp } = read({})
    expect(rules.map(({ name, severity, channels }) => [name, severity, channels])).toEqual([
      ['critical_anomaly', 'critical', null],
      ['warning_anomaly', 'warning', null],
    ])
    expect(rules.map(({ escalationMs }) => escalationMs)).toEqual([300_000, 900_000])
    expect(channels).toEqual([])
    expect(smtp).toBeNull()
  })

  it('take the channels that users know, and name them', () => {
    const { channels } = read({
      alert_channels: [
        { channel: 'email', recipients: ['ops@example.org'] },
        { channel: 'slack', webhook: 'https://example.org/x' },
        { channel: 'pagerduty', service_key: 'k' },
        { channel: 'webhook', url: 'http://10.0.0.1/a' },
        { channel: 'webhook', url: 'http://10.0.0.1/b' },
        { channel: 'webhook', url: 'http://10.0.0.1/c', name: 'ops' },
      ],
    })
    expect(channels.map(({ name }) => name)).toEqual(['email', 'slack', 'pagerduty', 'webhook', 'webhook-2', 'ops'])
  })

  it('make no alerts when alerting is off', () => {
    const off = read({ enabled: false, alert_channels: [{ channel: 'webhook', url: 'http://10.0.0.1/a' }] })
    expect([off.rules, off.channels]).toEqual([[], []])
  })

  it('want STARTTLS where a password would be sent, unless told otherwise', () => {
    expect(read({ smtp: { host: 'mail' } }).smtp).toMatchObject({ port: 587, startTls: 'offered', secure: false })
    expect(read({ smtp: { host: 'mail', user: 'u' } }).smtp?.startTls).toBe('required')
    expect(read({ smtp: { host: 'mail', user: 'u', starttls: 'never' } }).smtp?.startTls).toBe('never')
    expect(
      read({}, { DRIFTLINE_ALERTING_SMTP_HOST: 'mail', DRIFTLINE_ALERTING_SMTP_PASSWORD: 'p' }).smtp,
    ).toMatchObject({ host: 'mail', password: 'p' })
  })

  const channel = (changes: object) => ({ alert_channels: [{ channel: 'webhook', url: 'http://a/b', ...changes }] })
  it.each([
    ['another protocol', channel({ url: 'ftp://a/b' }), /http/],
    ['a secret that is no base64', channel({ secret: 'hunter two' }), /base64/],
    ['no recipients', { alert_channels: [{ channel: 'email', recipients: [] }] }, /recipients/],
    ['no address', { alert_channels: [{ channel: 'email', recipients: ['ops\r\nBcc: x@y.z'] }] }, /recipients/],
    ['a sender with another header', { smtp: { from: 'a\r\nBcc: <x@y.z>' } }, /smtp\.from/],
    ['an unknown channel in a rule', { alert_rules: [{ rule: 'a', severity: 'info', channels: ['x'] }] }, /"x"/],
    ['a name that is taken', { alert_rules: [{ rule: 'requested', severity: 'info' }] }, /requested/],
    [
      'one name twice',
      { alert_channels: [...channel({ name: 'a' }).alert_channels, ...channel({ name: 'a' }).alert_channels] },
      /two channels/,
    ],
  ])('refuse %s', (_what, alerting, message) => {
    expect(() => read(alerting)).toThrow(message)
  })

  it('never repeat a secret when they refuse it', () => {
    expect(() => read(channel({ secret: 'hunter two' }))).not.toThrow(/hunter/)
  })
})
