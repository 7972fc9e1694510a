import { expect, it } from 'vitest'
import { mailOf } from './mail.ts'

const payload = (changes: Record<string, string | null> = {}) => ({
  timestamp: '2026-01-01T00:00:00.000Z',
  data: {
    processId: 'os:web-1:nginx',
    type: 'performance_degradation',
    severity: 'critical',
    message: 'CPU is 370 %',
    timestamp: '2026-01-01T00:00:00.000Z',
    url: null,
    ...changes,
  },
})

it('says what, where and since when', () => {
  const mail = mailOf('opened', payload({ url: 'https://driftline.example/alerts/al_1' }))
  expect(mail.subject).toBe('Alert (critical): os:web-1:nginx: CPU is 370 %')
  expect(mail.text).toContain('Since: 2026-01-01T00:00:00.000Z')
  expect(mail.html).toContain('<a href="https://driftline.example/alerts/al_1">')
})

it('says who resolved it', () => {
  expect(mailOf('resolved', payload({ resolvedBy: 'system' })).text).toContain('Resolved: 2026-01-01T00:00:00.000Z by')
})

it('lets nothing from outside become a header, a line or a tag', () => {
  const evil = 'x\r\nBcc: all@example.org\u2028<script>alert(1)</script>\u202e"\''
  const { subject, text, html } = mailOf('opened', payload({ processId: evil, type: evil }))
  expect(subject).not.toMatch(/[\r\n\u2028\u202e]/)
  expect(text.split('\n').filter((line) => line.startsWith('Bcc'))).toEqual([])
  expect(html).not.toContain('<script>')
  expect(html).toContain('&lt;script&gt;')
})

it('cuts a long subject, never half a character', () => {
  const { subject } = mailOf('opened', payload({ message: '🌋'.repeat(500) }))
  expect(subject.length).toBeLessThanOrEqual(200)
  expect(subject).not.toMatch(/[\uD800-\uDBFF]$/)
})

it('makes a mail of any payload', () => {
  expect(mailOf('opened', { data: {} }).subject).toContain('Alert')
})
