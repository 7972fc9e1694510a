import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from './testing/eventually.ts'
import { type GatewayKit, startGatewayKit } from './testing/gateway-kit.ts'
import { idOf, kpiRecord, sampleRecord, seriesRecord, snapshotRecord } from './testing/records.ts'

const HOST = 'host:web-1'
const NGINX = 'os:web-1:nginx'
const PHP = 'os:web-1:php~2dfpm'

/** Seconds ago, on whole tens of seconds, so that steps start where the data does. */
const now = Math.floor(Date.now() / 10_000) * 10_000
const ago = (seconds: number): number => now - seconds * 1000

let kit: GatewayKit
const get = (path: string, token?: string | null) => kit.request(path, token === undefined ? {} : { token })
const id = encodeURIComponent

beforeAll(async () => {
  kit = await startGatewayKit()
  const started = [
    { pid: 1, startMs: ago(900), ppid: 0, name: 'systemd', group: 'os:web-1:systemd' },
    { pid: 10, startMs: ago(800), name: 'nginx', group: NGINX },
    { pid: 11, startMs: ago(800), ppid: 10, name: 'nginx', group: NGINX },
  ]
  const history = [
    seriesRecord([
      { process: HOST, metric: 'system.memory.usage', unit: 'By' },
      { process: HOST, metric: 'system.disk.read', unit: 'By/s', attributes: '{"system.device":"sda"}' },
      { process: HOST, metric: 'system.disk.read', unit: 'By/s', attributes: '{"system.device":"sdb"}' },
      { process: NGINX, metric: 'process.cpu.usage', unit: '{cpu}' },
    ]),
    snapshotRecord(
      { started, values: started.map(({ pid }) => ({ pid, cpu: 0.1 })) },
      { timeMs: ago(120), keyFrame: true },
    ),
    snapshotRecord(
      { started: [{ pid: 30, startMs: ago(110), ppid: 1, name: 'job', group: 'os:web-1:job' }], values: [{ pid: 30 }] },
      { timeMs: ago(110) },
    ),
    snapshotRecord({ ended: [{ pid: 30, startMs: ago(110) }] }, { timeMs: ago(100) }),
    snapshotRecord(
      { started, values: started.map(({ pid }) => ({ pid, cpu: 0.2 })) },
      { timeMs: ago(60), keyFrame: true },
    ),
  ]
  for (let second = 120; second > 20; second--) {
    history.push(
      kpiRecord(ago(second), {
        [HOST]: { cpuShare: 0.25, cpuCores: 0.5, memoryBytes: 4e9, memoryShare: 0.5 },
        [NGINX]: { cpuCores: 0.2, memoryBytes: 1e8 + (120 - second) * 1e6, instances: 2 },
      }),
      sampleRecord([
        [idOf({ process: HOST, metric: 'system.memory.usage' }), ago(second), 1000 + second],
        [idOf({ process: HOST, metric: 'system.disk.read', attributes: '{"system.device":"sda"}' }), ago(second), 5],
        [idOf({ process: NGINX, metric: 'process.cpu.usage' }), ago(second), 0.2],
      ]),
    )
  }
  await kit.keep(...history)
  await kit.restart()
})
afterAll(() => kit?.end())

describe('right after a start', () => {
  it('lists hosts and processes with their last values out of the store', async () => {
    const hosts = await get('/api/v1/hosts')
    expect(hosts.body).toMatchObject({
      nextCursor: null,
      items: [
        {
          host: 'web-1',
          processId: HOST,
          status: 'silent',
          processCount: 3,
          description: { osName: 'Linux', logicalCpus: 2 },
          metrics: { resourceUtilization: { cpu: 0.25, memory: 0.5, io: null }, values: { cpuCores: 0.5 } },
        },
      ],
    })
    const overview = await get('/api/v1/overview')
    expect(overview.body.processes.map((each: { processId: string }) => each.processId)).toEqual([
      HOST,
      NGINX,
      'os:web-1:systemd',
    ])
    expect(overview.body.counts).toMatchObject({ total: 3, silent: 3 })
  })

  it('shows the last process table', async () => {
    const table = await get('/api/v1/hosts/web-1/processes')
    expect(table.body.time).toBe(new Date(ago(60)).toISOString())
    expect(table.body.items.map((row: { pid: number; cpu: number }) => [row.pid, row.cpu])).toEqual([
      [1, 0.2],
      [10, 0.2],
      [11, 0.2],
    ])
  })
})

describe('the past', () => {
  it.each([
    [115, [1, 10, 11]],
    [110, [1, 10, 11, 30]],
    [101, [1, 10, 11, 30]],
    [100, [1, 10, 11]],
    [60, [1, 10, 11]],
    [121, []],
  ])('of the table %i s ago has the pids %j', async (seconds, pids) => {
    const iso = await get(`/api/v1/hosts/web-1/processes?at=${new Date(ago(seconds)).toISOString()}`)
    expect(iso.body.items.map((row: { pid: number }) => row.pid)).toEqual(pids)
    const ms = await get(`/api/v1/hosts/web-1/processes?at=${ago(seconds)}`)
    expect(ms.text).toBe(iso.text)
  })

  it('plays in frames: a table, then what changed', async () => {
    const { body } = await get(`/api/v1/hosts/web-1/frames?from=${ago(115)}&to=${ago(95)}`)
    expect(body.snapshot.rows).toHaveLength(3)
    expect(
      body.changes.map((each: { upserts: unknown[]; removed: number[] }) => [each.upserts.length, each.removed]),
    ).toEqual([
      [1, []],
      [0, [30]],
    ])
  })

  it('has the instances that lived in a range, frame by frame or by key frames', async () => {
    type One = { pid: number; endTime: string | null; rssTrend: (number | null)[] }
    const shown = async (process: string, range: string) => {
      const { body } = await get(`/api/v1/processes/${id(process)}/instances?${range}`)
      return { ...body, ends: body.items.map(({ pid, endTime }: One) => [pid, endTime]) }
    }
    const exact = await shown(HOST, `from=${ago(119)}&to=${ago(80)}&step=10s`)
    expect(exact).toMatchObject({ exact: true, step: 10, more: 0, nextCursor: null })
    expect(exact.ends).toEqual([
      [1, null],
      [10, null],
      [11, null],
      [30, new Date(ago(100)).toISOString()],
    ])
    expect(exact.items[3].rssTrend).toEqual([1024, null, null, null])
    const sampled = await shown(NGINX, `from=${ago(3600)}&to=${ago(0)}`)
    expect(sampled).toMatchObject({
      exact: false,
      step: 60,
      ends: [
        [10, null],
        [11, null],
      ],
    })
    expect(sampled.items[0].rssTrend.filter((rss: number | null) => rss !== null)).toHaveLength(2)
    expect((await get(`/api/v1/processes/${id(NGINX)}/instances?from=${ago(0)}&to=${ago(1)}`)).status).toBe(400)
    expect((await shown(NGINX, '')).items[0]).toMatchObject({ pid: 10, endTime: null, rssTrend: [] })
  })

  it('answers queries with attributes as separate series, in the steps asked for', async () => {
    const { body } = await get(
      `/api/v1/query?process=${HOST}&metric=system.memory.usage&from=${ago(120)}&to=${ago(0)}&step=10s&agg=max`,
    )
    expect(body).toMatchObject({ unit: 'By', step: 10, resolution: 'raw', agg: 'max' })
    expect(body.series[0].points).toHaveLength(10)
    expect(body.series[0].points[0].value).toBe(1120)
    const disks = await get(`/api/v1/query?process=${HOST}&metric=system.disk.read&step=60`)
    expect(disks.body.resolution).toBe('1m')
    expect(disks.body.series.map((each: { attributes: object }) => each.attributes)).toEqual([
      { 'system.device': 'sda' },
      { 'system.device': 'sdb' },
    ])
    expect(disks.body.series[0].points.length).toBeGreaterThan(0)
    expect(disks.body.series[1].points).toEqual([])
  })

  it.each(['avg', 'min', 'max', 'sum', 'count', 'last'])(
    'aggregates by %s alike in raw rows and roll-ups',
    async (agg) => {
      const path = `/api/v1/query?process=${NGINX}&metric=process.cpu.usage&agg=${agg}&from=${ago(600)}`
      const raw = await get(`${path}&step=50s`)
      const rollup = await get(`${path}&step=60s`)
      expect([raw.status, rollup.status]).toEqual([200, 200])
      const total = (answer: typeof raw): number =>
        answer.body.series[0].points.reduce((s: number, p: { value: number }) => s + p.value, 0)
      if (agg === 'count' || agg === 'sum') expect(total(raw)).toBeCloseTo(total(rollup), 6)
      else for (const answer of [raw, rollup]) expect(answer.body.series[0].points.at(-1).value).toBeCloseTo(0.2, 9)
    },
  )

  it('of a process is its performance, and its analysis in words', async () => {
    const { body } = await get(`/api/v1/processes/${id(NGINX)}/performance?from=${ago(120)}&to=${now}&step=1s`)
    expect(body.points).toHaveLength(100)
    expect(body.points[0]).toMatchObject({ processId: NGINX, errorRate: null, values: { cpuCores: 0.2, instances: 2 } })
    expect(body.baseline.cpu).toEqual({ centre: null, spread: null })
    const analysis = await get(`/api/v1/processes/${id(NGINX)}/analysis`)
    expect(analysis.body).toMatchObject({ processId: NGINX, anomalies: {}, forecast: null, recommendations: [] })
    expect(analysis.body.insights.join(' ')).toMatch(/CPU averaged 0.2 cores/)
  })
})

describe('live', () => {
  it('takes frames, KPIs, series and samples from the tail of the bus', async () => {
    const timeMs = Date.now()
    await kit.publish(
      snapshotRecord(
        {
          started: [
            { pid: 1, startMs: ago(900), ppid: 0, name: 'systemd', group: 'os:web-1:systemd' },
            { pid: 40, startMs: ago(1), name: 'php-fpm', group: PHP },
          ],
          values: [{ pid: 1 }, { pid: 40, cpu: 1.5 }],
        },
        { timeMs, keyFrame: true },
      ),
      kpiRecord(ago(1), { [PHP]: { cpuCores: 1.5, instances: 1 } }),
      seriesRecord([{ process: PHP, metric: 'process.cpu.usage', unit: '{cpu}' }]),
    )
    const php = await eventually(
      () => get(`/api/v1/processes/${id(PHP)}`),
      ({ status, body }) => {
        expect(status).toBe(200)
        expect(body.metrics?.values.cpuCores).toBe(1.5)
      },
    )
    expect(php.body).toMatchObject({ kind: 'os', host: 'web-1', name: 'php-fpm', status: 'learning', active: true })
    const instances = await get(`/api/v1/processes/${id(PHP)}/instances`)
    expect(instances.body.items).toMatchObject([{ pid: 40, name: 'php-fpm' }])
    await eventually(
      () => get(`/api/v1/processes/${id(PHP)}/series`),
      ({ body }) => expect(body.items).toHaveLength(1),
    )
    await kit.publish(sampleRecord([[idOf({ process: PHP, metric: 'process.cpu.usage' }), timeMs, 1.5]]))
    const series = await eventually(
      () => get(`/api/v1/processes/${id(PHP)}/series`),
      ({ body }) => expect(body.items[0]?.lastValue).toBe(1.5),
    )
    expect(series.body.items[0]).toMatchObject({ metric: 'process.cpu.usage', kind: 'gauge' })
    const exported = await get('/metrics', null)
    expect(exported.text).toContain(`process_cpu_usage{host="web-1",process="${PHP}"} 1.5`)
    expect(exported.text).toContain('driftline_live_clients 0')
  })

  it('keeps a group whose last instance ended, without calling it silent', async () => {
    const nginx = await get(`/api/v1/processes/${id(NGINX)}`)
    expect(nginx.body).toMatchObject({ status: 'learning', active: true })
    const instances = await get(`/api/v1/processes/${id(NGINX)}/instances`)
    expect(instances.body.items).toEqual([])
  })

  it('rewinds over what only memory has', async () => {
    const table = await get(`/api/v1/hosts/web-1/processes?at=${Date.now() - 1}`)
    expect(table.body.items.map((row: { pid: number }) => row.pid)).toEqual([1, 40])
  })

  it('names the agents with their versions', async () => {
    const { body } = await get('/api/v1/sources')
    expect(body.items).toMatchObject([{ source: 'agent-web-1', name: 'web-1', status: 'ok', version: '0.1.0' }])
  })

  it('counts a gap in the numbering, and heals the table from the store', async () => {
    const timeMs = Date.now()
    const lost = snapshotRecord(
      { started: [{ pid: 50, startMs: timeMs, name: 'late', group: 'os:web-1:late' }], values: [{ pid: 50 }] },
      { timeMs, sequence: 900_000 },
    )
    const seen = snapshotRecord({ values: [{ pid: 50, cpu: 3 }] }, { timeMs: timeMs + 1, sequence: 900_001 })
    const key = snapshotRecord(
      { started: [{ pid: 1, startMs: ago(900), ppid: 0 }], values: [{ pid: 1 }] },
      { timeMs: timeMs - 1, keyFrame: true, sequence: 899_999 },
    )
    await kit.publish(seen)
    await kit.keep(key, lost, seen)
    await eventually(
      () => get('/api/v1/hosts/web-1/processes'),
      ({ body }) => expect(body.items.find((row: { pid: number }) => row.pid === 50)?.cpu).toBe(3),
    )
    const status = await get('/api/v1/status')
    expect(status.body.missedBatches).toBeGreaterThan(0)
  })
})
