/** Where a query was found in a text: the higher the score, the better. */
export interface Match {
  readonly score: number
  /** Places in the text that matched, ascending. */
  readonly at: readonly number[]
}

const wordStart = /[\s/:._-]/

/**
 * Finds the letters of `query` in order in `text`, not minding case. Runs and starts of words count most, late and
 * scattered letters least; null when it is not there. Blanks of the query separate words that may stand in any order.
 */
export function fuzzy(query: string, text: string): Match | null {
  const at = new Set<number>()
  let score = 0
  for (const word of query.toLowerCase().split(/\s+/).filter(Boolean)) {
    const found = findWord(word, text.toLowerCase())
    if (!found) return null
    score += found.score
    for (const index of found.at) at.add(index)
  }
  return { score, at: [...at].sort((a, b) => a - b) }
}

function findWord(word: string, text: string): Match | null {
  const whole = text.lastIndexOf(word)
  if (whole >= 0) {
    const start = whole === 0 || wordStart.test(text[whole - 1] ?? '')
    const ends = whole + word.length === text.length
    return {
      score: 100 + (start ? 40 : 0) + (ends ? 20 : 0) - text.length / 10,
      at: Array.from(word, (_, index) => whole + index),
    }
  }
  const at: number[] = []
  let score = 0
  let from = 0
  for (const letter of word) {
    const index = nextPlace(letter, text, from, at.at(-1))
    if (index < 0) return null
    const previous = at.at(-1)
    if (previous !== undefined && index === previous + 1) score += 6
    else if (index === 0 || wordStart.test(text[index - 1] ?? '')) score += 8
    else score -= Math.min(4, index - from)
    at.push(index)
    from = index + 1
  }
  // Letters that only happen to stand somewhere are not what was meant.
  return score >= word.length * 4 ? { score: score - text.length / 10, at } : null
}

/** Right after the last letter, else at the next start of a word, else wherever it comes. */
function nextPlace(letter: string, text: string, from: number, previous: number | undefined): number {
  if (previous !== undefined && text[from] === letter) return from
  for (let i = from; i < text.length; i++) {
    if (text[i] === letter && (i === 0 || wordStart.test(text[i - 1] ?? ''))) return i
  }
  return text.indexOf(letter, from)
}

/** Text in pieces, matched ones marked, for showing without markup of our own making. */
export function pieces(text: string, at: readonly number[]): { text: string; hit: boolean }[] {
  const hits = new Set(at)
  const out: { text: string; hit: boolean }[] = []
  for (let i = 0; i < text.length; i++) {
    const hit = hits.has(i)
    const last = out.at(-1)
    if (last && last.hit === hit) last.text += text[i]
    else out.push({ text: text[i] ?? '', hit })
  }
  return out
}
