import type { ProcessItem } from '../../api/types.ts'
import { format, type Quantity } from '../../format.ts'
import { type SortKey, values } from './rows.ts'

/** The columns of numbers; drift and name have places of their own. */
export type ColumnKey = Exclude<SortKey, 'drift' | 'name'>

export interface Column {
  readonly key: ColumnKey
  readonly name: string
  readonly about: string
  /** Fixed width, so that live values never move the layout. */
  readonly width: string
  /** KPI of the drift that is seen in this column. */
  readonly kpi?: string
  /** Left out below this width of the list in px, least needed first. */
  readonly from?: number
  show(item: ProcessItem): Quantity | null
}

const durationOf = (item: ProcessItem): Quantity | null => {
  const text = format.duration(item.metrics?.executionTime)
  if (text === null) return null
  const words = text.split(' ')
  // Two units, such as 2 h 42 min, are one value; a single one stands quietly behind its number.
  return words.length === 2 ? { value: words[0] ?? '', unit: words[1] ?? '' } : { value: text, unit: '' }
}

/** What a kind does so often; starts of a group need no word. */
const throughputNouns: Partial<Record<ProcessItem['kind'], string>> = {
  device: 'msg',
  log: 'lines',
  service: 'req',
  flow: 'runs',
}

/** The columns of numbers, right aligned. */
export const columns: readonly Column[] = [
  {
    key: 'executionTime',
    name: 'Exec time',
    about: 'Median lifetime of instances that ended, else age of the oldest; uptime of a host',
    width: '6.25rem',
    kpi: 'execution_time',
    from: 700,
    show: durationOf,
  },
  {
    key: 'success',
    name: 'Success',
    about: 'Share of ends that were expected',
    width: '5rem',
    kpi: 'success_rate',
    from: 1130,
    show: (item) => format.share(values.success(item)),
  },
  {
    key: 'errors',
    name: 'Errors',
    about: 'Unexpected ends and restart loops',
    width: '4.75rem',
    kpi: 'error_rate',
    from: 780,
    show: (item) => format.share(values.errors(item)),
  },
  {
    key: 'throughput',
    name: 'Throughput',
    about: 'Starts per second of a group; events of other kinds',
    width: '6.5rem',
    kpi: 'throughput',
    from: 880,
    show: (item) => format.rate(values.throughput(item), throughputNouns[item.kind] ?? ''),
  },
  {
    key: 'cpu',
    name: 'CPU',
    about: 'CPU of all instances; 100 % is one core',
    width: '5.25rem',
    kpi: 'cpu',
    show: (item) => format.cpu(values.cpu(item)),
  },
  {
    key: 'memory',
    name: 'Memory',
    about: 'Resident memory',
    width: '6rem',
    kpi: 'memory',
    show: (item) => format.bytes(values.memory(item)),
  },
  {
    key: 'read',
    name: 'Read',
    about: 'Read from storage',
    width: '5.5rem',
    kpi: 'disk_read',
    from: 1230,
    show: (item) => format.byteRate(values.read(item)),
  },
  {
    key: 'write',
    name: 'Write',
    about: 'Written to storage',
    width: '5.5rem',
    kpi: 'disk_write',
    from: 980,
    show: (item) => format.byteRate(values.write(item)),
  },
  {
    key: 'instances',
    name: 'Instances',
    about: 'Processes alive',
    width: '5.25rem',
    kpi: 'instances',
    from: 1060,
    show: (item) => format.number(values.instances(item), '', 0),
  },
]

/** The deviation that a column's value is coloured by: of the KPI that is farthest off, nothing of the others. */
export function offOf(item: ProcessItem, kpi: string | undefined): number | null {
  return kpi !== undefined && item.driftKpi === kpi && item.status !== 'silent' ? item.drift : null
}
