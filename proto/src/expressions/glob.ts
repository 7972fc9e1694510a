/**
 * Makes a test for a pattern in which `*` stands for any characters and `?` for one. It takes at most the product of
 * both lengths: on a mismatch only the last `*` takes one more character.
 */
export function createGlob(pattern: string): (text: string) => boolean {
  return (text) => {
    let at = 0
    let within = 0
    let star = -1
    let starAt = 0
    while (at < text.length) {
      if (pattern[within] === '*') {
        star = within++
        starAt = at
      } else if (within < pattern.length && (pattern[within] === '?' || pattern[within] === text[at])) {
        within += 1
        at += 1
      } else if (star !== -1) {
        within = star + 1
        at = ++starAt
      } else return false
    }
    while (pattern[within] === '*') within += 1
    return within === pattern.length
  }
}
