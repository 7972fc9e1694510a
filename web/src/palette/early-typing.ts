/**
 * What is typed between the key that opens the palette and the moment its field has the focus. On a busy machine that
 * takes longer than the next keystroke, and no letter may be lost. `take` ends the catching and gives the letters.
 */
export function createEarlyTyping(target: Pick<Window, 'addEventListener' | 'removeEventListener'>) {
  let typed = ''
  let catching = false

  function onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLInputElement) return
    if (event.key === 'Backspace') typed = typed.slice(0, -1)
    else if (event.key.length === 1) typed += event.key
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  return {
    start(): void {
      typed = ''
      if (!catching) target.addEventListener('keydown', onKey, true)
      catching = true
    },
    take(): string {
      if (catching) target.removeEventListener('keydown', onKey, true)
      catching = false
      return typed
    },
  }
}

export type EarlyTyping = ReturnType<typeof createEarlyTyping>
