const goneMs = 15_000

/**
 * Marks the page with `hand` while somebody moves or types: a wall shows its controls then, and at rest only the
 * estate. Answers how to stop.
 */
export function watchHand(root: HTMLElement = document.documentElement): () => void {
  const events = ['pointermove', 'pointerdown', 'keydown', 'focusin'] as const
  let leaving: ReturnType<typeof setTimeout> | undefined
  const seen = () => {
    root.classList.add('hand')
    clearTimeout(leaving)
    leaving = setTimeout(() => root.classList.remove('hand'), goneMs)
  }
  for (const event of events) window.addEventListener(event, seen, { passive: true })
  return () => {
    clearTimeout(leaving)
    for (const event of events) window.removeEventListener(event, seen)
  }
}
