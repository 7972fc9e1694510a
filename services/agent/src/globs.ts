/**
 * Patterns of users are globs (`*` any text, `?` one character), never regular expressions: a glob is matched in at
 * most text times pattern steps, so no pattern can stall a scan.
 */
export type Matcher = (text: string) => boolean

/** Matches if any of the globs matches the whole text. Upper and lower case differ. */
export function matchAny(globs: readonly string[]): Matcher {
  return (text) => globs.some((glob) => matchGlob(glob, text))
}

/** Matches if any of the globs stands anywhere in the text. */
export function matchAnywhere(globs: readonly string[]): Matcher {
  return matchAny(globs.map((glob) => `*${glob}*`))
}

function matchGlob(glob: string, text: string): boolean {
  let g = 0
  let t = 0
  let star = -1
  let starText = 0
  while (t < text.length) {
    if (glob[g] === '*') {
      star = g++
      starText = t
    } else if (g < glob.length && (glob[g] === '?' || glob[g] === text[t])) {
      g++
      t++
    } else if (star >= 0) {
      // Only the last star is tried again: an earlier one cannot do better.
      g = star + 1
      t = ++starText
    } else return false
  }
  while (glob[g] === '*') g++
  return g === glob.length
}
