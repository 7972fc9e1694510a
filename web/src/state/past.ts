import type { HostTable, OperationalDashboard, ProcessItem, ProcessMetrics, ProcessRow, Status } from '../api/types.ts'
import { escapeName, idParts, kindOf } from '../process-id.ts'

interface Sums {
  cpu: number
  memory: number
  read: number
  write: number
  instances: number
  oldestMs: number
}

const noSums = (): Sums => ({ cpu: 0, memory: 0, read: 0, write: 0, instances: 0, oldestMs: Number.POSITIVE_INFINITY })

function addRow(sums: Sums, row: ProcessRow): void {
  sums.cpu += row.cpu ?? 0
  sums.memory += row.rssBytes ?? 0
  sums.read += row.readBytesPerSecond ?? 0
  sums.write += row.writeBytesPerSecond ?? 0
  sums.instances++
  sums.oldestMs = Math.min(sums.oldestMs, Date.parse(row.startTime))
}

/**
 * The overview of a past moment, summed up from the hosts' process tables of that moment. Shares of success and the
 * like cannot be known from tables and stay null. A host shows its own figures of then (`hostMetrics`, by process id)
 * where they were kept; else the sum, without memory, which instances share.
 */
export function dashboardFromTables(
  tables: readonly HostTable[],
  atMs: number,
  hostMetrics: ReadonlyMap<string, ProcessMetrics> = new Map(),
): OperationalDashboard {
  const processes: ProcessItem[] = []
  for (const table of tables) {
    if (table.time === null) continue
    const time = table.time
    const whole = noSums()
    const groups = new Map<string, Sums>()
    for (const row of table.items) {
      addRow(whole, row)
      const sums = groups.get(row.group) ?? noSums()
      addRow(sums, row)
      groups.set(row.group, sums)
    }
    const hostId = `host:${escapeName(table.host)}`
    const boot = Date.parse(table.description?.bootTime ?? '')
    const cpus = table.description?.logicalCpus
    const summed = metricsOf(hostId, time, whole, Number.isFinite(boot) ? atMs - boot : null)
    processes.push(
      itemOf(
        hostId,
        table.host,
        time,
        hostMetrics.get(hostId) ?? {
          ...summed,
          resourceUtilization: { ...summed.resourceUtilization, cpu: cpus ? Math.min(1, whole.cpu / cpus) : null },
          values: { ...summed.values, memoryBytes: null },
        },
      ),
    )
    for (const [id, sums] of groups) {
      processes.push(itemOf(id, table.host, time, metricsOf(id, time, sums, atMs - sums.oldestMs)))
    }
  }
  const counts: Record<Status | 'total', number> = {
    total: processes.length,
    ok: processes.length,
    warning: 0,
    critical: 0,
    silent: 0,
    learning: 0,
  }
  return { processes, counts, alerts: [], generatedAt: new Date(atMs).toISOString() }
}

function metricsOf(processId: string, timestamp: string, sums: Sums, executionTime: number | null): ProcessMetrics {
  return {
    processId,
    executionTime: executionTime !== null && Number.isFinite(executionTime) ? Math.max(0, executionTime) : null,
    successRate: null,
    errorRate: null,
    throughput: null,
    resourceUtilization: { cpu: null, memory: null, io: null, network: null },
    timestamp,
    values: {
      cpuCores: sums.cpu,
      memoryBytes: sums.memory,
      readBytesPerSecond: sums.read,
      writeBytesPerSecond: sums.write,
      networkReceiveBytesPerSecond: null,
      networkTransmitBytesPerSecond: null,
      instances: sums.instances,
    },
  }
}

function itemOf(processId: string, host: string, time: string, metrics: ProcessMetrics): ProcessItem {
  return {
    processId,
    kind: kindOf(processId),
    name: idParts(processId).at(-1) ?? processId,
    host,
    status: 'ok',
    drift: null,
    category: null,
    tags: [],
    description: null,
    active: true,
    metrics,
    lastSeen: time,
  }
}
