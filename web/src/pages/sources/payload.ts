const perLine = 16

/** Bytes as a hex dump of offset, hex and printable text; base64 that cannot be read is said to be so. */
export function payloadText(base64: string): string {
  let raw: string
  try {
    raw = atob(base64)
  } catch {
    return 'The stored bytes cannot be shown.'
  }
  if (raw.length === 0) return '(empty)'
  const lines: string[] = []
  for (let at = 0; at < raw.length; at += perLine) {
    const chunk = raw.slice(at, at + perLine)
    const hex = Array.from(chunk, (char) => char.charCodeAt(0).toString(16).padStart(2, '0')).join(' ')
    const text = Array.from(chunk, (char) => (char >= ' ' && char <= '~' ? char : '·')).join('')
    lines.push(`${at.toString(16).padStart(4, '0')}  ${hex.padEnd(perLine * 3)} ${text}`)
  }
  return lines.join('\n')
}
