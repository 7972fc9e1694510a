/** What a step decided about a record. The reason is a stable snake_case word and a metric label. */
export type Verdict<T> =
  | { readonly kind: 'emit'; readonly value: T }
  | { readonly kind: 'skip'; readonly reason: string }
  | { readonly kind: 'dead-letter'; readonly reason: string; readonly detail: string }

export const emit = <T>(value: T): Verdict<T> => ({ kind: 'emit', value })
export const skip = (reason: string): Verdict<never> => ({ kind: 'skip', reason })
export const deadLetter = (reason: string, detail: string): Verdict<never> => ({ kind: 'dead-letter', reason, detail })
