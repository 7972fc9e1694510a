import type { Span } from './syntax.ts'

const WIDTH = 100

/**
 * Shows where in a text an error stands: the message, the text around it on one line, and a caret under each of its
 * characters (`^^^`). At most 100 characters of the text are shown.
 */
export function renderExpressionError(text: string, error: Span & { readonly message: string }): string {
  // Everything that would break the line, or move the caret, is one blank.
  const flat = [...text.slice(0, error.offset)].map(visible)
  const wrong = [...text.slice(error.offset, error.offset + error.length)].map(visible)
  const rest = [...text.slice(error.offset + error.length)].map(visible)
  const from = Math.max(0, flat.length - WIDTH / 2)
  const before = (from > 0 ? '…' : '') + flat.slice(from).join('')
  const room = Math.max(1, WIDTH - [...before].length)
  const marked = wrong.slice(0, room)
  const after = wrong.length > room ? [] : rest.slice(0, room - marked.length)
  const cut = wrong.length + rest.length > marked.length + after.length ? '…' : ''
  const caret = ' '.repeat([...before].length) + '^'.repeat(Math.max(1, marked.length))
  return `${error.message}\n${before}${marked.join('')}${after.join('')}${cut}\n${caret}`
}

const visible = (char: string): string => (/[\s\p{Cc}\p{Cf}\p{Mn}]/u.test(char) ? ' ' : char)
