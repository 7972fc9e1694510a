import type { ProcessChanges, ProcessRow } from '../../web/src/tree/process-table.ts'

/** A host whose processes are made up, the same for every run: what is measured is the screen, not this machine's load. */
export interface MadeUpHost {
  rows(): readonly ProcessRow[]
  /** One second passes: a share of the processes gets new values, one in a hundred seconds of each ends and another starts. */
  tick(): ProcessChanges
}

const names = [
  'systemd',
  'nginx',
  'node',
  'postgres',
  'containerd-shim',
  'java',
  'redis-server',
  'bash',
  'python3',
  'sshd',
]
const users = ['root', 'app', 'www-data', 'postgres']
/** Share of processes whose values differ from one second to the next: a busy server. */
const CHANGING_SHARE = 0.2
const ENDING_PER_SECOND = 5

/** A small linear congruential generator (constants of Numerical Recipes): the same numbers in every run. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

export function createMadeUpHost(host: string, count: number, bootMs: number): MadeUpHost {
  const random = createRandom(7)
  const table = new Map<number, ProcessRow>()
  let nextPid = 1

  const add = (startMs: number): ProcessRow => {
    const pid = nextPid++
    const name = names[pid % names.length] ?? 'bash'
    const row: ProcessRow = {
      pid,
      ppid: pid === 1 ? 0 : Math.max(1, Math.floor(pid / (4 + (pid % 5)))),
      startTime: new Date(startMs).toISOString(),
      name,
      command: `/usr/bin/${name} --config /etc/${name}/${pid}.conf --verbose`,
      user: users[pid % users.length] ?? 'root',
      state: 'sleeping',
      cpu: 0,
      rssBytes: Math.round(5_000_000 + random() * 200_000_000),
      virtualBytes: 500_000_000,
      readBytesPerSecond: 0,
      writeBytesPerSecond: 0,
      threads: 1 + (pid % 24),
      openFiles: 8 + (pid % 90),
      group: `os:${host}:${name}`,
      container: null,
      kernelThread: false,
    }
    table.set(pid, row)
    return row
  }
  for (let i = 0; i < count; i++) add(bootMs + i)

  const change = (row: ProcessRow): ProcessRow => ({
    ...row,
    cpu: Math.round(random() * 4000) / 10_000,
    rssBytes: Math.round((row.rssBytes ?? 0) * (0.99 + random() * 0.02)),
    writeBytesPerSecond: Math.round(random() * 90_000),
    state: random() < 0.3 ? 'running' : 'sleeping',
  })

  return {
    rows: () => [...table.values()],
    tick() {
      const upserts: (Partial<ProcessRow> & { pid: number })[] = []
      for (const row of table.values()) {
        if (random() >= CHANGING_SHARE) continue
        const next = change(row)
        table.set(row.pid, next)
        upserts.push({
          pid: row.pid,
          cpu: next.cpu,
          rssBytes: next.rssBytes,
          writeBytesPerSecond: next.writeBytesPerSecond,
          state: next.state,
        })
      }
      const removed = [...table.keys()].filter((pid) => pid > count / 2).slice(0, ENDING_PER_SECOND)
      for (const pid of removed) table.delete(pid)
      for (let i = 0; i < removed.length; i++) upserts.push(add(Date.now()))
      return { upserts, removed }
    },
  }
}
