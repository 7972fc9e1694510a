import type { Json } from '@driftline/platform/metadata/tables'
import { readablePayload } from '../../payload.ts'
import { cut } from '../../text.ts'
import type { AlertEvent } from '../channel.ts'

/** A mail as people read it. The subject has no control characters and at most 200 characters. */
export interface Mail {
  readonly subject: string
  readonly text: string
  readonly html: string
}

const SUBJECT_CHARACTERS_MAX = 200

const said: Record<AlertEvent, string> = {
  opened: 'Alert',
  worsened: 'Worse',
  acknowledged: 'Acknowledged',
  resolved: 'Resolved',
}

export function mailOf(event: AlertEvent, payload: Json): Mail {
  const { timestamp, data } = readablePayload.parse(payload)
  const rows: [string, string][] = [
    ['Process', data.processId],
    ['Severity', data.severity],
    ['Type', data.type],
    ['Since', data.timestamp],
  ]
  if (event === 'worsened') rows.push(['Worse since', timestamp])
  if (event === 'acknowledged') rows.push(['Acknowledged', `${timestamp} by ${data.acknowledgedBy ?? 'unknown'}`])
  if (event === 'resolved') rows.push(['Resolved', `${timestamp} by ${data.resolvedBy ?? 'unknown'}`])
  if (data.url !== null) rows.push(['Link', data.url])
  const title = `${said[event]} (${data.severity}): ${data.processId}`
  return {
    subject: cut(onOneLine(`${title}: ${data.message}`), SUBJECT_CHARACTERS_MAX),
    text: `${data.message}\n\n${rows.map(([name, value]) => `${name}: ${onOneLine(value)}`).join('\n')}\n`,
    html: htmlOf(onOneLine(title), data.message, rows),
  }
}

/** A mail of paragraphs, one per line. */
export function plainMail(subject: string, message: string): Mail {
  const lines = message.split('\n').filter((line) => line !== '')
  const paragraphs = lines.map((line) => `<p>${escapeHtml(onOneLine(line))}</p>`).join('\n')
  return {
    subject: cut(onOneLine(subject), SUBJECT_CHARACTERS_MAX),
    text: `${lines.map(onOneLine).join('\n\n')}\n`,
    html: `<!doctype html><html><body style="font-family:sans-serif;font-size:14px;color:#222">\n${paragraphs}\n</body></html>\n`,
  }
}

function htmlOf(title: string, message: string, rows: readonly [string, string][]): string {
  const cells = rows.map(
    ([name, value]) =>
      `<tr><td style="padding:2px 12px 2px 0;color:#666">${escapeHtml(name)}</td><td>${cellOf(name, value)}</td></tr>`,
  )
  return `<!doctype html><html><body style="font-family:sans-serif;color:#222">
<h2 style="font-size:16px">${escapeHtml(title)}</h2>
<p>${escapeHtml(message)}</p>
<table style="font-size:14px;border-collapse:collapse">${cells.join('')}</table>
</body></html>
`
}

/** The link is our own: a setting and an encoded id. */
function cellOf(name: string, value: string): string {
  const shown = escapeHtml(value)
  return name === 'Link' ? `<a href="${shown}">${shown}</a>` : shown
}

/** Names of processes and what is said of them come from outside: a line break would begin another header or line. */
function onOneLine(value: string): string {
  return value.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim()
}

function escapeHtml(value: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
  return value.replace(/[&<>"']/g, (character) => entities[character] ?? '')
}
