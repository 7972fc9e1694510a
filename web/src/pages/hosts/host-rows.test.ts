import { expect, it } from 'vitest'
import type { Host } from '../../api/types.ts'
import { arrangeHosts } from './host-rows.ts'

const host = (name: string, cpu: number | null, osName = 'Debian'): Host => ({
  host: name,
  processId: `host:${name}`,
  status: 'ok',
  description: {
    osName,
    osVersion: '12',
    kernel: '6.1',
    architecture: 'x64',
    logicalCpus: 4,
    memoryBytes: 1,
    bootTime: null,
    agentVersion: '0.1.0',
    intervalSeconds: 1,
  },
  processCount: 10,
  lastSeen: '2026-05-04T08:00:00.000Z',
  metrics:
    cpu === null
      ? null
      : {
          processId: `host:${name}`,
          executionTime: null,
          successRate: null,
          errorRate: null,
          throughput: null,
          resourceUtilization: { cpu, memory: 0.5, io: null, network: null },
          timestamp: '2026-05-04T08:00:00.000Z',
          values: {
            cpuCores: 1,
            memoryBytes: 1,
            readBytesPerSecond: 0,
            writeBytesPerSecond: 0,
            networkReceiveBytesPerSecond: 1,
            networkTransmitBytesPerSecond: null,
            instances: 10,
            load1: null,
          },
        },
})

const hosts = [host('web-10', 0.2), host('web-2', 0.9), host('db-1', null, 'Ubuntu')]
const names = (query: string, key: 'host' | 'cpu' | 'network', descending: boolean) =>
  arrangeHosts(hosts, query, { key, descending }).map((one) => one.host)

it.each([
  ['', 'host', false, ['db-1', 'web-2', 'web-10']],
  ['', 'cpu', true, ['web-2', 'web-10', 'db-1']],
  ['', 'cpu', false, ['web-10', 'web-2', 'db-1']],
  ['', 'network', true, ['web-2', 'web-10', 'db-1']],
  ['debian web', 'host', true, ['web-10', 'web-2']],
  ['nothing', 'host', true, []],
] as const)('finds "%s" by %s', (query, key, descending, expected) => {
  expect(names(query, key, descending)).toEqual(expected)
})
