import { randomBytes } from 'node:crypto'

/** Who has signed in, by a word that only they know. Bounded: the oldest goes first. */
export interface DemoSessions {
  open(): string
  has(word: string | undefined): boolean
  end(word: string | undefined): void
}

const SESSIONS_MAX = 1000
const WORD_BYTES = 18

export function createDemoSessions(): DemoSessions {
  const words = new Set<string>()
  return {
    open() {
      if (words.size >= SESSIONS_MAX) words.delete(words.values().next().value!)
      const word = randomBytes(WORD_BYTES).toString('base64url')
      words.add(word)
      return word
    },
    has: (word) => word !== undefined && words.has(word),
    end(word) {
      if (word !== undefined) words.delete(word)
    },
  }
}

/** The password is on the page that asks for it. */
export const mayEnter = (username: unknown, password: unknown): boolean => username === 'demo' && password === 'demo'
