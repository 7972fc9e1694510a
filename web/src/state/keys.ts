import { type MaybeRefOrGetter, onScopeDispose, type ShallowRef, shallowRef, toValue } from 'vue'

/** One key of a page: `key` as in KeyboardEvent.key, or `ctrl+k`. */
export interface KeyBinding {
  readonly key: string
  /** What it does, as the foot and the help say it. */
  readonly label: string
  /** Shown in the foot as well as in the help. */
  readonly hint?: boolean
  /** How the key is written when it differs from `key`, for example `↑ ↓`. */
  readonly shown?: string
  /** Absent: only told about here, handled by the part that has the focus. */
  readonly run?: (event: KeyboardEvent) => void
  readonly when?: MaybeRefOrGetter<boolean>
  /** Works while somebody types, too. */
  readonly typing?: boolean
}

/** All bindings that are on now, later ones first: those of a page win over those of the shell. */
export const keyBindings: ShallowRef<readonly KeyBinding[]> = shallowRef([])

/** Adds keys for as long as the component lives. They rest while a field has the focus or a dialog is open. */
export function useKeys(bindings: readonly KeyBinding[]): void {
  keyBindings.value = [...bindings, ...keyBindings.value]
  onScopeDispose(() => {
    keyBindings.value = keyBindings.value.filter((binding) => !bindings.includes(binding))
  })
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)
}

/** Installs the one listener. While somebody types, only `Ctrl K` and what says so works. Answers how to remove it. */
export function listenForKeys(): () => void {
  function onKey(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.altKey) return
    const pressed = `${event.ctrlKey || event.metaKey ? 'ctrl+' : ''}${event.key.length === 1 ? event.key.toLowerCase() : event.key}`
    const typing = isTyping(event.target)
    if (document.querySelector('[role="dialog"]') && pressed !== 'ctrl+k') return
    const binding = keyBindings.value.find(
      (one) =>
        one.run &&
        one.key === pressed &&
        (!typing || one.typing || pressed === 'ctrl+k') &&
        (one.when === undefined || toValue(one.when)),
    )
    if (!binding?.run) return
    event.preventDefault()
    binding.run(event)
  }
  window.addEventListener('keydown', onKey)
  return () => window.removeEventListener('keydown', onKey)
}
