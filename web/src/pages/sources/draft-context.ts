import { type ComputedRef, type InjectionKey, inject, provide } from 'vue'

/** What every part of the editor needs to know of the whole. */
export interface DraftContext {
  /** Whoever may not change it, or a source that the configuration file owns. */
  readonly readOnly: ComputedRef<boolean>
  /** What is wrong with a field, by its path in the definition such as `mappings.0.topic`; empty when nothing is. */
  problem(path: string): string
}

const key: InjectionKey<DraftContext> = Symbol('source draft')

export const provideDraft = (context: DraftContext): void => provide(key, context)

export function useDraftContext(): DraftContext {
  const context = inject(key)
  if (!context) throw new Error('An editor of sources stands outside of the page that has the draft.')
  return context
}
