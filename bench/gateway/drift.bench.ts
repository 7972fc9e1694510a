import { startGatewayKit } from '@driftline/gateway/testing/gateway-kit'
import { anomalyRecord, kpiRecord } from '@driftline/gateway/testing/records'
import { cpuSecondsOf } from '../store/stack.ts'
import { line, machine } from './figures.ts'

/** Overview, anomalies, drift lines and the strip over 1,000 processes and 24 h, over HTTP on loopback. */
const PROCESSES = 1000
const KPIS = 10
const HOURS = 24
const ANOMALIES = 5000
const ROUNDS = Number(process.argv[2] ?? 100)
const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

const kit = await startGatewayKit({ DRIFTLINE_RATE_LIMITS_PER_SESSION: '100000' })
const idOf = (process: number): string => `os:bench-${process % 10}:group-${process}`

/** One hour of baselines, made by the store itself; the view of `drift` sees them like any insert. */
function storeBaselines(fromMs: number): Promise<void> {
  return kit.store.store.execute(
    `INSERT INTO baselines (tenant, process, metric, attributes, minute, value, centre, spread, deviation)
     SELECT 'default',
       concat('os:bench-', toString(intDiv(number, ${KPIS}) % 10), ':group-', toString(intDiv(number, ${KPIS}) % ${PROCESSES})),
       ['cpu', 'memory', 'disk_read', 'disk_write', 'throughput', 'io_share', 'instances', 'execution_time',
        'network_receive', 'network_transmit'][number % ${KPIS} + 1], '',
       toDateTime(intDiv({from: Int64}, 1000) + 60 * intDiv(number, ${PROCESSES * KPIS}), 'UTC'),
       1, 1, 0.5, if(cityHash64(number) % 50 = 0, 12, 2) * (cityHash64(number, 1) % 2000 / 1000 - 1)
     FROM system.numbers LIMIT ${60 * PROCESSES * KPIS} SETTINGS max_threads = 1, max_block_size = 65536`,
    { from: fromMs },
  )
}

try {
  const nowMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS
  for (let hour = HOURS; hour > 0; hour--) await storeBaselines(nowMs - hour * HOUR_MS)
  const all = Array.from({ length: PROCESSES }, (_, process) => idOf(process))
  const values = Object.fromEntries(
    all.map((id) => [id, { cpuCores: 1.2, cpuShare: 0.3, memoryBytes: 1e9, memoryShare: 0.1, instances: 3 }]),
  )
  await kit.keep(kpiRecord(nowMs - 2 * HOUR_MS, values), kpiRecord(nowMs - MINUTE_MS, values))
  const anomalies = Array.from({ length: ANOMALIES }, (_, index) => {
    const startMs = nowMs - Math.floor((index / ANOMALIES) * HOURS * HOUR_MS) - 1000
    const open = index < 50
    return anomalyRecord({
      id: `anomaly-${index}`,
      process: idOf(index % PROCESSES),
      startMs,
      ...(open ? {} : { endMs: startMs + MINUTE_MS }),
      description: `CPU of group-${index % PROCESSES} is 370 %, 4.1 times what is usual on a Tuesday at 14:00 (90 %)`,
    })
  })
  await kit.keep(...anomalies)
  const restarting = performance.now()
  await kit.restart()
  const restartMs = Math.round(performance.now() - restarting)
  process.stdout.write(`${machine()}\n${PROCESSES} processes with ${KPIS} baselines each over ${HOURS} h, `)
  process.stdout.write(`${ANOMALIES} anomalies; start of the gateway ${restartMs} ms\n`)
  const strip = async (): Promise<{ up: number }[]> => (await kit.request('/api/v1/overview')).body.estateDrift
  const filling = performance.now()
  while ((await strip()).filter(({ up }) => up > 0).length < 286) await new Promise((wake) => setTimeout(wake, 500))
  process.stdout.write(`the day of the strip is there ${Math.round(performance.now() - filling)} ms after the start\n`)

  const measure = async (name: string, path: (round: number) => string): Promise<void> => {
    const times: number[] = []
    const cpu = (): number[] => [cpuSecondsOf(process.pid), cpuSecondsOf(kit.store.server.childPid() ?? process.pid)]
    let before = cpu()
    let bytes = 0
    for (let round = -5; round < ROUNDS; round++) {
      if (round === 0) before = cpu()
      const startedAt = performance.now()
      const answer = await kit.request(path(Math.abs(round)))
      if (answer.status !== 200) throw new Error(`${path(Math.abs(round))} answered ${answer.status}: ${answer.text}`)
      if (round >= 0) times.push(performance.now() - startedAt)
      bytes = answer.text.length
    }
    // Times suffer when others use the machine; the processor time of a request does not.
    const [own, store] = cpu().map((seconds, index) => (((seconds - before[index]!) * 1000) / ROUNDS).toFixed(1))
    const size = `${Math.round(bytes / 1024)} KiB`
    process.stdout.write(line(name, times).replace('\n', `   ${size}   CPU ${own} ms here, ${store} ms in the store\n`))
  }
  const somewhere = (round: number): number => nowMs - ((round * 7919 + 13) % (HOURS * 3600 - 3600)) * 1000

  await measure('/overview with the strip, now', () => '/api/v1/overview')
  await measure(
    '/overview with the strip, ?at= in the last hour',
    (round) => `/api/v1/overview?at=${nowMs - round * 30_000}`,
  )
  await measure(
    '/overview with the strip, ?at= somewhere in the day',
    (round) => `/api/v1/overview?at=${somewhere(round)}`,
  )
  await measure('/anomalies, the newest 100', () => '/api/v1/anomalies')
  await measure('/anomalies, critical or not, with words', (round) => `/api/v1/anomalies?q=group-${round}%20usual`)
  await measure('/processes/{id}/anomalies', (round) => `/api/v1/processes/${idOf(round)}/anomalies`)
  await measure('/drift of all, the last hour', () => '/api/v1/drift')
  await measure('/drift of 50, an hour of the day', (round) => {
    const chosen = all.slice(round, round + 50).map((id) => `process=${id}`)
    return `/api/v1/drift?${chosen.join('&')}&from=${somewhere(round) - HOUR_MS}&to=${somewhere(round)}`
  })
  await measure('/processes/{id}/baseline, the day', (round) => {
    return `/api/v1/processes/${idOf(round)}/baseline?metric=cpu&from=${nowMs - HOURS * HOUR_MS}&to=${nowMs}`
  })
  await measure('/detection/quality', () => '/api/v1/detection/quality')
  await measure('/alerts', () => '/api/v1/alerts')
} finally {
  await kit.end()
}
