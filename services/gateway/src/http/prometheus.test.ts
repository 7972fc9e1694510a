import { MetricKind } from '@driftline/proto'
import { describe, expect, it } from 'vitest'
import { createTenantEstate } from '../estate/tenant-estate.ts'
import { prometheusName, renderCollected } from './prometheus.ts'

const LIMITS = { processes: 10, hosts: 10, series: 10, sources: 10, recent: { durationMs: 1000, bytes: 1000 } }

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
