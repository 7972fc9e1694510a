import type { ProcessItem } from '../../api/types.ts'
import { format, type Quantity } from '../../format.ts'
import { type SortKey, values } from './rows.ts'

export interface Column {
  readonly key: SortKey
  readonly name: string
  readonly about: string
  /** Fixed width, so that live values never move the layout. */
  readonly width: string
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

/** The columns of numbers, right aligned. */
export const columns: readonly Column[] = [
  {
    key: 'cpu',
    name: 'CPU',
    about: 'CPU of all instances; 100 % is one core',
    width: '4.75rem',
    show: (item) => format.cpu(values.cpu(item)),
  },
  {
    key: 'memory',
    name: 'Memory',
    about: 'Resident memory',
    width: '5.5rem',
    show: (item) => format.bytes(values.memory(item)),
  },
  {
    key: 'read',
    name: 'Read',
    about: 'Read from storage',
    width: '5rem',
    from: 620,
    show: (item) => format.byteRate(values.read(item)),
  },
  {
    key: 'write',
    name: 'Write',
    about: 'Written to storage',
    width: '5rem',
    from: 540,
    show: (item) => format.byteRate(values.write(item)),
  },
  {
    key: 'throughput',
    name: 'Throughput',
    about: 'Starts per second of a group; events of other kinds',
    width: '6rem',
    from: 1180,
    show: (item) => format.rate(values.throughput(item)),
  },
  {
    key: 'executionTime',
    name: 'Exec time',
    about: 'Median lifetime of instances that ended, else age of the oldest; uptime of a host',
    width: '6.5rem',
    from: 860,
    show: durationOf,
  },
  {
    key: 'success',
    name: 'Success',
    about: 'Share of ends that were expected',
    width: '5rem',
    from: 960,
    show: (item) => format.share(values.success(item)),
  },
  {
    key: 'errors',
    name: 'Errors',
    about: 'Unexpected ends and restart loops',
    width: '4.75rem',
    from: 1040,
    show: (item) => format.share(values.errors(item)),
  },
  {
    key: 'instances',
    name: 'Instances',
    about: 'Processes alive',
    width: '5.25rem',
    from: 480,
    show: (item) => format.number(values.instances(item), '', 0),
  },
]
