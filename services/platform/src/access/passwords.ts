import { hash, verify } from '@node-rs/argon2'
import { AppError } from '../errors.ts'

/** Argon2id with 32 MiB and three passes: some 50 ms, above the minimum that OWASP recommends (19 MiB, two passes). */
const COST = { memoryCost: 32_768, timeCost: 3, parallelism: 1 } as const
const MIN_LENGTH = 10
const MAX_LENGTH = 1024

/** Hashing takes threads that files need too, and memory: a few at once, and a short queue. */
const MAX_RUNNING = 2
const MAX_WAITING = 256

/** Made of a password that nobody kept, at the same cost: what is tried against it takes as long as against a user's. */
const DECOY = '$argon2id$v=19$m=32768,t=3,p=1$Dgcbg/mZkLYBgXAk4wl2fw$BdFmkHopD4/tRso0IG3LXj2Eobt2II+M7GQ2ZJRh2T0'

/** One try of a password, as far as a throttle cares. */
export interface Attempt {
  /** Counts it. Errors: `rate_limited`. */
  begin(): Promise<void>
  /** Takes it back: the password was right. */
  succeeded(): Promise<void>
}

export interface Passwords {
  /** Answers Argon2id in PHC notation. Errors: `value_invalid` when the password is not good enough. */
  hash(password: string): Promise<string>
  /** With null for the hash it takes as long, and answers false. The attempt begins when its turn comes. */
  verify(passwordHash: string | null, password: string, attempt: Attempt): Promise<boolean>
}

/** Errors of both: `rate_limited` (retryable) when too many wait. */
export function createPasswords(): Passwords {
  const inTurn = createTurns()
  return {
    async hash(password) {
      checkPassword(password)
      return inTurn(() => hash(normalise(password), COST))
    },
    verify: (passwordHash, password, attempt) =>
      inTurn(async () => {
        await attempt.begin()
        const tried = password.length <= MAX_LENGTH ? normalise(password) : ''
        const matches = (await verify(passwordHash ?? DECOY, tried)) && passwordHash !== null
        if (matches) await attempt.succeeded()
        return matches
      }),
  }
}

function checkPassword(password: string): void {
  const length = [...password].length
  if (length < MIN_LENGTH) throw new AppError('value_invalid', `A password has at least ${MIN_LENGTH} characters`)
  if (password.length > MAX_LENGTH || /\p{Surrogate}/u.test(password)) {
    throw new AppError('value_invalid', `A password is well-formed text of at most ${MAX_LENGTH} characters`)
  }
}

/** Keyboards differ in how they compose a character; the password is the same. */
function normalise(password: string): string {
  return password.normalize('NFKC')
}

function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let running = 0
  return async (work) => {
    if (running < MAX_RUNNING) running++
    else {
      if (waiting.length >= MAX_WAITING) {
        throw new AppError('rate_limited', 'Too many people are signing in at once', { retryable: true })
      }
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}
