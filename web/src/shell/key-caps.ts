import type { KeyBinding } from '../state/keys.ts'

const names: Record<string, string> = { ArrowUp: '↑', ArrowDown: '↓', ArrowLeft: '←', ArrowRight: '→', Escape: 'Esc' }

/** A key as its cap is labelled: `ctrl+k` is `Ctrl K`. */
export function keyCaps(binding: Pick<KeyBinding, 'key' | 'shown'>): string {
  if (binding.shown) return binding.shown
  return binding.key
    .split('+')
    .map((part) => names[part] ?? (part.length === 1 ? part.toUpperCase() : part[0]?.toUpperCase() + part.slice(1)))
    .join(' ')
}
