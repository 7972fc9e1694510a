import type { HostSink, ProcessReader } from '@driftline/agent/reader'
import type { InstanceTable } from '@driftline/agent/table'
import { State } from '@driftline/agent/table'
import { hostMetrics, processId } from '@driftline/proto'

/** The scan's number is in each scan: as the host's load, and as the threads of this process. */
export const COUNTER_PID = 1
/** A process starts with every tenth scan and lives for 25 of them. */
const BIRTH_EVERY = 10
const LIFE_SCANS = 25
const FIRST_MORTAL_PID = 1000
const HOUR_MS = 3_600_000

/** Pids that the table holds after scan n. */
export function pidsAfter(scan: number): number[] {
  const pids = [COUNTER_PID]
  for (let birth = BIRTH_EVERY; birth <= scan; birth += BIRTH_EVERY) {
    if (birth > scan - LIFE_SCANS) pids.push(FIRST_MORTAL_PID + birth)
  }
  return pids
}

/** A reader of an invented host whose every scan can be recognised and computed. */
export interface CountingReader extends ProcessReader {
  /** Scans that were told completely; the one that only primes the rates counts as 0. */
  scans(): number
  /** No further scan ends, so nothing new is told; what waits is still sent. */
  pause(): void
}

/**
 * `first` is added to the number that is told as load, so that the runs of an agent can be told apart. `onScan` hears
 * of a scan when it begins: all before it are in the spool.
 */
export function createCountingReader(
  host: string,
  first = 0,
  onScan: (scan: number) => void = () => {},
): CountingReader {
  const group = processId('os', host, 'counted')
  const bornMs = Date.now() - HOUR_MS
  let scan = -1
  let paused = false
  let release: (error: Error) => void = () => {}

  return {
    scans: () => scan,
    pause: () => {
      paused = true
    },
    async facts() {
      return {
        osName: 'Invented',
        osVersion: '1',
        kernel: '1',
        architecture: 'x64',
        logicalCpus: 2,
        memoryBytes: 2 ** 30,
        bootTimeMs: bornMs,
      }
    },
    async scanProcesses(table) {
      if (paused) {
        await new Promise<void>((_, reject) => {
          release = reject
        })
      }
      scan++
      onScan(scan)
      beBorn(table, scan, group, bornMs)
      const dead = table.slotOf(FIRST_MORTAL_PID + scan - LIFE_SCANS)
      if (dead >= 0) table.end(dead, 1)
      table.columns().threads[table.slotOf(COUNTER_PID)] = scan
    },
    async scanHost(sink: HostSink) {
      sink.set(sink.series(hostMetrics.load1), first + scan)
    },
    close: () => release(new Error('the test is over')),
  }
}

function beBorn(table: InstanceTable, scan: number, group: string, bornMs: number): void {
  if (scan === 0) add(table, COUNTER_PID, group, bornMs)
  else if (scan % BIRTH_EVERY === 0) add(table, FIRST_MORTAL_PID + scan, group, bornMs + scan)
}

function add(table: InstanceTable, pid: number, group: string, startTimeMs: number): void {
  const slot = table.add(pid, startTimeMs)
  const columns = table.columns()
  columns.state[slot] = State.sleeping
  columns.cpuCores[slot] = 0
  columns.residentBytes[slot] = 1024 * 1024
  columns.virtualBytes[slot] = 1024 * 1024
  columns.threads[slot] = 1
  table.identify(slot, {
    name: `process-${pid}`,
    command: `process-${pid} --serve`,
    user: 'nobody',
    group,
    container: '',
  })
}
