const REDACTED = '[redacted]'

/** Words that make the name of an option, variable or field the name of a secret. */
const SECRET =
  'pass(?:word|wd|phrase|code)|(?:^|[^a-z])pwd|secret|token|api[-_.]?key|access[-_.]?key|account[-_.]?key|private[-_.]?key|auth[-_.]?key|encryption[-_.]?key|signing[-_.]?key|shared[-_.]?key|master[-_.]?key|credential|bearer|authorization'
const SECRET_NAME = new RegExp(`(?:${SECRET}|(?:^|[^a-z])(?:pass|psk|pin|pwd)$)`, 'i')
/** Names of files and of things about secrets are not secrets. */
const HARMLESS_NAME = /(?:file|path|dir|directory|url|uri|endpoint|name|type|length|count|limit|expiry|ttl|id|policy)$/i

/** Programs whose short option carries a password: attached to it, or as the next argument. */
const SHORT_OPTIONS: readonly {
  readonly program: RegExp
  readonly attached: string | null
  readonly next: string | null
}[] = [
  { program: /^(mysql|mariadb)[\w-]*$/, attached: '-p', next: null },
  { program: /^sshpass$/, attached: '-p', next: '-p' },
  {
    program: /^(mongo|mongosh|mongodump|mongorestore|mongoexport|mongoimport|docker|podman|cqlsh)$/,
    attached: null,
    next: '-p',
  },
  { program: /^redis-cli$/, attached: '-a', next: '-a' },
  { program: /^curl$/, attached: '-u', next: '-u' },
  { program: /^ldap(search|add|modify|delete|passwd|whoami)$/, attached: '-w', next: '-w' },
  { program: /^(sqlcmd|bcp|zip|unzip)$/, attached: '-P', next: '-P' },
  { program: /^(7z|7za|7zr|rar|unrar)$/, attached: '-p', next: null },
  { program: /^mosquitto_(pub|sub|rr)$/, attached: null, next: '-P' },
]
/** Long options of `user:password`. */
const USER_AND_PASSWORD = /^--?(user|proxy-user|userpwd|creds?)$/i

/**
 * Replaces what looks like a secret in a command line. The patterns are ours and bounded, so that the work grows
 * with the length only. It errs on the side of redacting.
 */
export function redactArguments(args: readonly string[]): string[] {
  return redactWords(args, redactArgument)
}

type RedactWord = (word: string) => string

function redactWords(args: readonly string[], redactWord: RedactWord): string[] {
  const out: string[] = []
  let short: (typeof SHORT_OPTIONS)[number] | undefined
  let secretNext = false
  for (const [at, arg] of args.entries()) {
    const program = SHORT_OPTIONS.find((each) => each.program.test(baseName(arg)))
    if (secretNext && !(arg.startsWith('-') && arg.length > 1)) {
      out.push(REDACTED)
      secretNext = false
      continue
    }
    secretNext =
      at > 0 && (isSecretOption(arg) || arg === short?.next || (USER_AND_PASSWORD.test(arg) && hasColon(args[at + 1])))
    const attached = short?.attached
    if (attached && arg.startsWith(attached) && arg.length > attached.length) out.push(attached + REDACTED)
    else out.push(redactWord(arg))
    if (program !== undefined && !arg.startsWith('-')) short = program
  }
  return out
}

/** `--password`, `-pass`, `--api-key`: the secret is the next argument. */
function isSecretOption(arg: string): boolean {
  return /^--?[a-z]/i.test(arg) && arg.length <= 64 && !arg.includes('=') && isSecretName(arg)
}

function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) && !HARMLESS_NAME.test(name)
}

const hasColon = (arg: string | undefined): boolean => arg?.includes(':') === true

function redactArgument(arg: string): string {
  const assigned = /^([^=\s'"]{1,128})=/.exec(arg)?.[1]
  if (assigned !== undefined && isSecretName(assigned)) return `${assigned}=${REDACTED}`
  // `sh -c "mysql -psecret"`: a command line within an argument has options of its own.
  if (!/\s/.test(arg)) return redactText(arg)
  const parts = redactText(arg).split(/(\s+)/)
  const words = redactWords(
    parts.filter((_, at) => at % 2 === 0),
    (word) => {
      const name = /^["']?([^=\s'"]{1,128})=/.exec(word)?.[1]
      return name !== undefined && isSecretName(name) ? `${name}=${REDACTED}` : word
    },
  )
  return parts.map((part, at) => (at % 2 === 0 ? words[at / 2]! : part)).join('')
}

const HEADER =
  /((?:proxy-)?authorization|x-[\w-]{0,40}(?:key|token|secret|auth)|cookie)(["']?\s{0,3}:\s{0,3})[^"'\r\n]+/gi
const FIELD = new RegExp(
  `((?:${SECRET})[\\w.-]{0,40})(["']?\\s{0,3}[=:]\\s{0,3})("[^"]*"|'[^']*'|[^\\s"'&;,)}]+)`,
  'gi',
)
const URL_PASSWORD = /([a-z][a-z0-9+.-]{0,30}:\/\/[^\s/?#@:'"]{0,256}:)(?!\d{1,5}(?:[/?#\s'"]|$))[^\s'"]{1,1024}@/gi
const URL_TOKEN = /(https?:\/\/)[^\s/?#@:'"]{1,512}@/gi
const TOKENS =
  /\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_\w{22,255}|glpat-[\w-]{20,255}|xox[abprs]-[\w-]{10,255}|[sr]k_live_\w{16,255}|eyJ[\w-]{8,2048}\.eyJ[\w-]{8,2048}\.[\w-]{8,2048})/g
const OPENSSL_PASSWORD = /\b(pass:)[^\s"']+/g

/** Headers, fields, credentials in URLs and well-known tokens, wherever they stand in a text. */
export function redactText(text: string): string {
  if (text.length < 6) return text
  return text
    .replace(HEADER, `$1$2${REDACTED}`)
    .replace(FIELD, (all, name: string, between: string) =>
      HARMLESS_NAME.test(name) ? all : `${name}${between}${REDACTED}`,
    )
    .replace(URL_PASSWORD, `$1${REDACTED}@`)
    .replace(URL_TOKEN, `$1${REDACTED}@`)
    .replace(TOKENS, REDACTED)
    .replace(OPENSSL_PASSWORD, `$1${REDACTED}`)
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
