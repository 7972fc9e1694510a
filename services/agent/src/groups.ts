/** What is known of an instance before privacy filters; group identity is a function of it. */
export interface RawIdentity {
  readonly pid: number
  readonly parentPid: number
  /** The kernel's short name, at most 15 bytes of it. */
  readonly name: string
  /** The command line as the program gets it; empty in kernel threads and zombies. */
  readonly args: readonly string[]
  /** Path of the executable; empty where it cannot be read. */
  readonly executable: string
  readonly user: string
  /** Service unit that says something; else empty. */
  readonly unit: string
  /** Container name, or its image where no name can be known; never an id. */
  readonly container: string
  readonly kernelThread: boolean
}

/** Longest group name, characters. */
const GROUP_NAME_MAX = 128

/**
 * The name of the group of an instance, the first that applies: `kernel`, service unit, container name, script or
 * main class of an interpreter, executable.
 */
export function groupName(identity: RawIdentity): string {
  if (identity.kernelThread) return 'kernel'
  const name = identity.unit || identity.container || programOf(identity) || identity.name || `pid-${identity.pid}`
  return Array.from(name).slice(0, GROUP_NAME_MAX).join('')
}

function programOf(identity: RawIdentity): string {
  const executable = executableName(identity)
  const script = scriptOf(executable, identity.args)
  if (script !== '') return script
  return interpreterOf(executable) === null ? executable : titleOf(executable, identity.args)
}

/** Multi-call binaries, and executables in memory whose file name is random. */
const MANY_NAMES = /^(busybox|toybox|coreutils|memfd:)/
/** A script that came through a descriptor has a number for a name. */
const DESCRIPTOR = /^\/(dev|proc\/[^/]+)\/fd\/\d+$/

/**
 * Base name of the executable. Multi-call binaries (busybox) are told apart by what they were called as. Without the
 * right to read the link, the first argument completes the kernel's short name if it begins with it.
 */
export function executableName(identity: Pick<RawIdentity, 'name' | 'args' | 'executable'>): string {
  const called = baseName((identity.args[0] ?? '').replace(/^-/, ''))
  const file = baseName(identity.executable.replace(/ \(deleted\)$/, ''))
  if (file !== '' && !MANY_NAMES.test(file)) return file
  if (file !== '') return called || file
  return called.startsWith(identity.name) && /^[\w.+@-]+$/.test(called) ? called : identity.name
}

/** A process that renamed itself (`npm run x`, `my-service: worker`) is known by the first word of its title. */
function titleOf(executable: string, args: readonly string[]): string {
  const first = baseName((args[0] ?? '').replace(/^-/, '').split(/[\s:]/, 1)[0] ?? '')
  return args.length === 1 && first !== '' && interpreterOf(first) === null ? first : executable
}

interface Interpreter {
  /** Options that take the next argument as their value. */
  readonly valued: ReadonlySet<string>
  /** Options whose value is the program: a module, a class, a jar. */
  readonly program: ReadonlySet<string>
  /** Options after which there is no script: the program is in the command line itself. */
  readonly inline: RegExp
  /** Words before the script, such as `run` of `deno run x.ts`. */
  readonly verbs: ReadonlySet<string>
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(' ').filter((word) => word !== ''))
const interpreter = (valued: string, program: string, inline: RegExp, verbs = ''): Interpreter => ({
  valued: words(valued),
  program: words(program),
  inline,
  verbs: words(verbs),
})

const NEVER = /^(?!)/
const python = interpreter('-W -X -Q --check-hash-based-pycs', '-m', /^-[bBdEhiIOPqRsStuvVx]*c/)
const node = interpreter(
  '-r --require --import --loader --experimental-loader -C --conditions --env-file --title --icu-data-dir',
  '',
  /^(-e|-p|-pe|--eval|--print|-i|--interactive|--test)$/,
)
const java = interpreter(
  '-cp -classpath --class-path -p --module-path --add-modules --add-opens --add-exports --add-reads --limit-modules --upgrade-module-path',
  '-jar -m --module',
  NEVER,
)
const shell = interpreter('-o +o -O +O --rcfile --init-file', '', /^-[a-zA-Z]*[cs][a-zA-Z]*$/)
const ruby = interpreter('-I -r -C -E -x', '', /^-[a-z]*e/)
const perl = interpreter('-I', '', /^-[a-zA-Z]*[eE]$/)
const php = interpreter('-c -d -z -S -t', '-f', /^-(r|B|R|F|a|S)$/)
const deno = interpreter('-c --config --import-map --cert', '', /^(-e|--eval)$/, 'run task serve test')
const bun = interpreter('-r --preload -c --config --cwd', '', /^(-e|-p|--eval|--print)$/, 'run x')
const other = interpreter('', '', /^-e$/)

const INTERPRETERS: readonly (readonly [RegExp, Interpreter])[] = [
  [/^(python|pypy)[\d.]*$/, python],
  [/^(node|nodejs|iojs|tsx|ts-node)$/, node],
  [/^java$/, java],
  [/^(sh|bash|dash|ash|zsh|ksh|mksh|fish)[\d.]*$/, shell],
  [/^j?ruby[\d.]*$/, ruby],
  [/^perl[\d.]*$/, perl],
  [/^php[\d.]*$/, php],
  [/^deno$/, deno],
  [/^bun$/, bun],
  [/^(lua|luajit|tclsh|wish|Rscript|guile|escript)[\d.]*$/, other],
]

function interpreterOf(executable: string): Interpreter | null {
  const name = executable.replace(/\.exe$/i, '')
  return INTERPRETERS.find(([pattern]) => pattern.test(name))?.[1] ?? null
}

/** The script, module, jar or main class that an interpreter runs; empty if it runs none that has a name. */
function scriptOf(executable: string, args: readonly string[]): string {
  const kind = interpreterOf(executable)
  if (kind === null) return ''
  for (let at = 1; at < args.length; at++) {
    const arg = args[at]!
    if (kind.inline.test(arg)) return ''
    if (kind.program.has(arg)) return baseName(args[at + 1] ?? '')
    if (arg === '--') return baseName(args[at + 1] ?? '')
    if (kind.valued.has(arg)) at++
    else if (arg === '-' || arg === '') return ''
    else if (!arg.startsWith('-') && !arg.startsWith('+') && !kind.verbs.has(arg))
      return DESCRIPTOR.test(arg) ? '' : baseName(arg)
  }
  return ''
}

/** The last part of a path, of either kind of slash, and the class of `module/class`. */
function baseName(path: string): string {
  const trimmed = path.replace(/[/\\]+$/, '')
  return trimmed.slice(Math.max(trimmed.lastIndexOf('/'), trimmed.lastIndexOf('\\')) + 1)
}
