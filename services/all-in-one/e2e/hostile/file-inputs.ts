import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../child.ts'
import { addSource, linesOf, removeSource } from './log-sources.ts'
import type { Door, HostileInput, Trial } from './trial.ts'

const letter = (reason: string): HostileInput['counts'] => [
  'driftline_dead_letters_total',
  { service: 'tailer', reason },
]

interface Tried {
  /** Makes the files; what it answers may be run once the source is read. */
  make(directory: string, trial: Trial): undefined | ((directory: string) => void | Promise<void>)
  readonly paths?: (directory: string) => readonly string[]
  readonly reading?: Readonly<Record<string, unknown>>
  readonly more?: Readonly<Record<string, unknown>>
  /** Lines that have to come all the same; nothing is waited for without it. */
  readonly lines?: readonly string[] | ((lines: readonly string[]) => boolean)
}

/** Follows a directory of its own with what a case puts there, and one good file beside it. */
async function follow(trial: Trial, tried: Tried): Promise<string> {
  const { world, name } = trial
  const directory = join(world.directory, name)
  mkdirSync(directory)
  const later = tried.make(directory, trial)
  const source = await addSource(world, 'file', name, {
    paths: tried.paths?.(directory) ?? [join(directory, '*.log')],
    from: 'beginning',
    reading: { format: 'plain', patterns: false, ...tried.reading },
    ...tried.more,
  })
  await later?.(directory)
  const { lines } = tried
  if (lines !== undefined) {
    await eventually(`the lines of ${name}`, 120_000, async () => {
      const found = await linesOf(world, source)
      const isThere = typeof lines === 'function' ? lines(found) : lines.every((line) => found.includes(line))
      if (isThere) return true
      throw new Error(`there are ${found.length}: ${JSON.stringify(found.slice(0, 5)).slice(0, 500)}`)
    })
  }
  await eventually('the refusal', 30_000, async () => {
    const { body } = await world.api('GET', `/api/v1/dead-letters?source=${source}`)
    return body.items.length > 0 || tried.lines !== undefined ? true : undefined
  })
  sources.set(name, source)
  await removeSource(world, source)
  return lines === undefined ? '' : 'lines'
}

/** Ids of sources by the names of their trials. */
const sources = new Map<string, string>()

const refusing = (what: string, reasons: string | readonly string[], tried: Tried): HostileInput => ({
  what,
  send: (trial) => follow(trial, tried),
  answers: tried.lines === undefined ? '' : 'lines',
  letters: typeof reasons === 'string' ? [reasons] : reasons,
  counts: letter(typeof reasons === 'string' ? reasons : reasons[0]!),
})

const good = (directory: string): void => writeFileSync(join(directory, 'good.log'), 'good\n')

const places: HostileInput[] = [
  refusing('a FIFO', 'not_a_regular_file', {
    make(directory) {
      good(directory)
      execFileSync('mkfifo', [join(directory, 'fifo.log')])
      return undefined
    },
    lines: ['good'],
  }),
  refusing('/dev/zero and /dev/random', 'not_a_regular_file', {
    make: () => undefined,
    paths: () => ['/dev/zero', '/dev/random'],
  }),
  refusing('/proc/kmsg, /proc/self/environ and /sys', 'outside_allowed_roots', {
    make: () => undefined,
    paths: () => ['/proc/kmsg', '/proc/self/environ', '/sys/kernel/uevent_seqnum'],
  }),
  refusing('a symlink to a secret elsewhere', 'symlink_outside', {
    make(directory) {
      good(directory)
      symlinkSync('/etc/passwd', join(directory, 'link.log'))
      return undefined
    },
    lines: ['good'],
  }),
  refusing('symlinks that lead in a circle, and to each other', ['not_a_regular_file', 'symlink_outside'], {
    make(directory) {
      good(directory)
      mkdirSync(join(directory, 'loop'))
      symlinkSync(directory, join(directory, 'loop', 'again'))
      symlinkSync(join(directory, 'b.log'), join(directory, 'a.log'))
      symlinkSync(join(directory, 'a.log'), join(directory, 'b.log'))
      symlinkSync('/', join(directory, 'root.log'))
      return undefined
    },
    paths: (directory) => [join(directory, '**')],
    lines: ['good'],
  }),
  refusing('the data directory of the product itself', 'outside_allowed_roots', {
    make: () => undefined,
    paths: (directory) => [join(directory, '../../data/tailer/*')],
  }),
  refusing('20,000 files in a directory', 'too_many_files', {
    make(directory) {
      for (let i = 0; i < 20_000; i++) closeSync(openSync(join(directory, `${i}.log`), 'w'))
      return undefined
    },
  }),
]

const contents: HostileInput[] = [
  refusing('a line of 1 GB without an end, in a sparse file', 'line_too_long', {
    make(directory) {
      good(directory)
      const file = openSync(join(directory, 'huge.log'), 'w')
      // A hole at the beginning would be passed over, as what a writer leaves behind whose file was truncated.
      writeSync(file, 'begins')
      ftruncateSync(file, 1024 ** 3)
      writeSync(file, 'x\nafter\n', 1024 ** 3)
      closeSync(file)
      return undefined
    },
    lines: ['good', 'after'],
  }),
  refusing('a line of JSON of 4 MB', ['line_too_long', 'not_json'], {
    make(directory) {
      writeFileSync(join(directory, 'app.log'), `{"a":"${'x'.repeat(4 * 1024 * 1024)}"}\n{"b":1}\n`)
      return undefined
    },
    reading: { format: 'json' },
    lines: ['{"b":1}'],
  }),
  refusing('JSON that is nested 20,000 times', 'json_too_deep', {
    make(directory) {
      writeFileSync(join(directory, 'app.log'), `{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}\n{"b":1}\n`)
      return undefined
    },
    reading: { format: 'json' },
    lines: ['{"b":1}'],
  }),
  refusing('lines that are no JSON among lines that are, NaN, and __proto__', 'not_json', {
    make(directory) {
      const lines = ['{"a":1', 'nonsense', '{"__proto__":{"level":"fatal"},"constructor":1,"msg":"kept"}', '{"a":NaN}']
      writeFileSync(join(directory, 'app.log'), `${lines.join('\n')}\n`)
      return undefined
    },
    reading: { format: 'json' },
    lines: (lines) => lines.length >= 1,
  }),
  {
    what: 'an archive of random bytes with NULs: its lines are kept with what is no text replaced',
    send: (trial) =>
      follow(trial, {
        make(directory) {
          const bytes = Buffer.alloc(500_000)
          let seed = 1
          for (let i = 0; i < bytes.length; i++) {
            seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff
            bytes[i] = seed >>> 16
          }
          writeFileSync(join(directory, 'a.log'), Buffer.concat([bytes, Buffer.from('\nend\n')]))
          return undefined
        },
        lines: (lines) => lines.length === 1000 || lines.includes('end'),
      }),
    answers: 'lines',
    counts: ['driftline_bus_published_records_total', { topic: 'driftline.logs.v1' }],
  },
]

const changes: HostileInput[] = [
  {
    what: 'eighty rotations within a moment: every line once',
    send: (trial) =>
      follow(trial, {
        make(directory) {
          writeFileSync(join(directory, 'app.log'), 'line 0\n')
          return () => {
            for (let i = 1; i <= 80; i++) {
              renameSync(join(directory, 'app.log'), join(directory, `app.log.${1000 - i}`))
              writeFileSync(join(directory, 'app.log'), `line ${i}\n`)
            }
          }
        },
        paths: (directory) => [join(directory, 'app.log*')],
        lines: (lines) => lines.length === 81 && new Set(lines).size === 81,
      }),
    answers: 'lines',
    counts: ['driftline_bus_published_records_total', { topic: 'driftline.logs.v1' }],
  },
  {
    what: 'a file that is replaced and truncated while it is read',
    send: (trial) =>
      follow(trial, {
        make(directory) {
          writeFileSync(join(directory, 'app.log'), `${'first\n'.repeat(100)}`)
          return async () => {
            for (let i = 0; i < 20; i++) {
              writeFileSync(join(directory, 'next'), `round ${i}\n`)
              renameSync(join(directory, 'next'), join(directory, 'app.log'))
            }
            rmSync(join(directory, 'app.log'))
            writeFileSync(join(directory, 'app.log'), 'last\n')
          }
        },
        lines: ['last'],
      }),
    answers: 'lines',
    counts: ['driftline_bus_published_records_total', { topic: 'driftline.logs.v1' }],
  },
  refusing('times that jump by years', ['time_invalid', 'time_out_of_range'], {
    make(directory) {
      const lines = ['1970-01-01T00:00:00Z', '2262-04-11T00:00:00Z', new Date().toISOString(), '0000-00-00T99:99:99Z']
      const text = lines.map((time) => JSON.stringify({ time, level: 'info', msg: `at ${time}` })).join('\n')
      writeFileSync(join(directory, 'app.log'), `${text}\n`)
      return undefined
    },
    reading: { format: 'json' },
    lines: (lines) => lines.length > 0,
  }),
  refusing('a file that may not be read', 'permission_denied', {
    make(directory) {
      good(directory)
      writeFileSync(join(directory, 'secret.log'), 'secret\n')
      chmodSync(join(directory, 'secret.log'), 0)
      return undefined
    },
    lines: ['good'],
  }),
]

export const fileDoor: Door = {
  name: 'log files',
  inputs: [...places, ...contents, ...changes],
  lettersOf: ({ name }) => ({ service: 'tailer', source: sources.get(name) ?? 'none' }),
}
