import { MetricKind } from '@driftline/proto'
import { describe, expect, it } from 'vitest'
import { createTenantEstate } from '../estate/tenant-estate.ts'
import { prometheusName, renderCollected } from './prometheus.ts'

const LIMITS = {
  processes: 10,
  hosts: 10,
  series: 10,
  sources: 10,
  recent: { durationMs: 1000, bytes: 1000 },
  findings: { openAnomalies: 10, closedAnomalies: 10, alerts: 10 },
}

interface Parsed {
  readonly types: Map<string, string>
  /** Values by name and labels as written. */
  readonly values: Map<string, number>
  readonly labels: Map<string, string>[]
}

/** Reads the text format of Prometheus and refuses whatever Prometheus would: a strict reader for these tests. */
function parseStrictly(text: string): Parsed {
  const parsed: Parsed = { types: new Map(), values: new Map(), labels: [] }
  let family = ''
  for (const line of text.split('\n').slice(0, -1)) {
    const type = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge)$/.exec(line)
    if (type) {
      family = type[1]!
      if (parsed.types.has(family)) throw new Error(`${family} has two types`)
      parsed.types.set(family, type[2]!)
      continue
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)\{(.*)\} (\S+)$/.exec(line)
    if (sample?.[1] !== family) throw new Error(`no sample of ${family}: ${line}`)
    const labels = parseLabels(sample[2]!)
    const key = JSON.stringify([family, [...labels].sort()])
    if (parsed.values.has(key)) throw new Error(`twice: ${line}`)
    parsed.values.set(key, Number(sample[3]))
    parsed.labels.push(labels)
  }
  return parsed
}

function parseLabels(text: string): Map<string, string> {
  const labels = new Map<string, string>()
  const pair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,(?=.)|$)/y
  while (pair.lastIndex < text.length) {
    const found = pair.exec(text)
    if (!found) throw new Error(`not labels: ${text}`)
    const [, name = '', value = ''] = found
    if (labels.has(name) || name.startsWith('__')) throw new Error(`label ${name}: ${text}`)
    labels.set(
      name,
      value.replaceAll(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter)),
    )
  }
  return labels
}

function exported(
  series: readonly { metric?: string; unit?: string; kind?: MetricKind; attributes?: object }[],
): Parsed {
  const estate = createTenantEstate('default', LIMITS)
  for (const [index, each] of series.entries()) {
    const { metric = 'm', unit = '', kind = MetricKind.GAUGE, attributes = {} } = each
    const id = BigInt(index + 1)
    estate.series.define({ id, process: 'host:web-1', metric, unit, kind, attributes: JSON.stringify(attributes) })
    estate.series.record(id, 100_000, index + 1)
  }
  return parseStrictly(renderCollected(estate, 100_000, new Set(['driftline_taken'])))
}

describe('what Prometheus would refuse', () => {
  it('is not written: labels that begin with a digit, are reserved, are ours, or come twice', () => {
    const attributes = { '0a': '1', host: 'h', process: 'p', 'k.v': '2', k_v: '3', __name__: 'n', '': 'e', é: 'é' }
    const [labels] = exported([{ attributes }]).labels
    expect(Object.fromEntries(labels ?? [])).toEqual({
      host: 'web-1',
      process: 'host:web-1',
      _0a: '1',
      attribute_host: 'h',
      attribute_process: 'p',
      k_v: '2',
      k_v_2: '3',
      _name__: 'n',
      attribute_: 'e',
      attribute__: 'é',
    })
  })

  it('is not written again: what a poll of this very answer has read from it', () => {
    const read = exported([{ metric: 'a' }, { metric: 'a', attributes: { process: 'host:web-1' } }])
    expect(read.labels.map((labels) => Object.fromEntries(labels))).toEqual([{ host: 'web-1', process: 'host:web-1' }])
  })

  it('is not written: values that end their line or their quotes', () => {
    const value = 'a"b\\c\nd\\ne}'
    expect(exported([{ attributes: { k: value } }]).labels[0]?.get('k')).toBe(value)
  })

  it('is not written: one name for two metrics, or for one of the gateway', () => {
    const { types, values } = exported([
      { metric: 'a.b' },
      { metric: 'a_b' },
      { metric: 'a.b', kind: MetricKind.CUMULATIVE },
      { metric: 'driftline.taken' },
      { metric: 'a.b', attributes: { x: '1' } },
    ])
    expect(Object.fromEntries(types)).toEqual({
      a_b: 'gauge',
      a_b_2: 'gauge',
      a_b_3: 'counter',
      driftline_taken_2: 'gauge',
    })
    expect(values.size).toBe(5)
  })

  it('is not written: one series twice', () => {
    const { values } = exported([{ attributes: { 'a.b': '1' } }, { attributes: { a_b: '1' } }])
    expect([...values.values()]).toEqual([2])
  })
})

describe('collected metrics in the format of Prometheus', () => {
  it.each([
    ['process.cpu.usage', '{cpu}', 'process_cpu_usage'],
    ['process.memory.usage', 'By', 'process_memory_usage_bytes'],
    ['process.disk.read', 'By/s', 'process_disk_read_bytes_per_second'],
    ['system.cpu.utilization', '1', 'system_cpu_utilization_ratio'],
    ['system.uptime', 's', 'system_uptime_seconds'],
    ['9to5', '', '_9to5'],
  ])('%s in %s is %s', (metric, unit, name) => {
    expect(prometheusName(metric, unit)).toBe(name)
  })

  it('have host, process and attributes as labels, escaped, and leave out what is not fresh', () => {
    const estate = createTenantEstate('default', LIMITS)
    const define = (id: bigint, process: string, attributes: string): void =>
      estate.series.define({ id, process, metric: 'm.x', unit: 'By', kind: MetricKind.GAUGE, attributes })
    define(1n, 'os:web-1:a~20b', '{}')
    define(2n, 'host:web-1', '{"k.v":"say \\"hi\\"\\n"}')
    define(3n, 'os:web-1:old', '{}')
    estate.series.record(1n, 100_000, 1.5)
    estate.series.record(2n, 100_000, 2)
    estate.series.record(3n, 1, 2)
    expect(renderCollected(estate, 100_000)).toBe(
      [
        '# TYPE m_x_bytes gauge',
        'm_x_bytes{host="web-1",process="os:web-1:a~20b"} 1.5',
        'm_x_bytes{host="web-1",process="host:web-1",k_v="say \\"hi\\"\\n"} 2',
        '',
      ].join('\n'),
    )
  })
})

it('leaves out what is pushed when there is too much, and says how much', () => {
  const estate = createTenantEstate('default', LIMITS)
  const processes = ['service:a', 'host:web-1', 'device:p:q', 'service:b']
  const id = (index: number): bigint => BigInt(index + 1)
  for (const [index, process] of processes.entries()) {
    const kind = MetricKind.GAUGE
    estate.series.define({ id: id(index), process, metric: 'load', unit: '', kind, attributes: '{}' })
    estate.series.record(id(index), 1000, index)
  }
  const text = renderCollected(estate, 1000, new Set(), 2)
  expect(text).toContain('driftline_collected_series_left_out{} 2')
  expect([...text.matchAll(/process="([^"]+)"/g)].map(([, process]) => process)).toEqual(['host:web-1', 'device:p:q'])
  expect(renderCollected(estate, 1000)).not.toContain('left_out')
})
