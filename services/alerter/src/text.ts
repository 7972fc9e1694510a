/** The beginning of a text, never half of a character that takes two. */
export function cut(text: string, charactersMax: number): string {
  return text.slice(0, charactersMax).replace(/[\uD800-\uDBFF]$/, '')
}
