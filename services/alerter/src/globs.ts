/** Whether a glob (`*` any text, `?` one character) is the whole text. Takes at most text times pattern steps. */
export function matchesGlob(glob: string, text: string): boolean {
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
