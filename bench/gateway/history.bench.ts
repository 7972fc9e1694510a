import { startGatewayKit } from '@driftline/gateway/testing/gateway-kit'
import { cpuSecondsOf } from '../store/stack.ts'
import { line, machine } from './figures.ts'
import { GROUPS, groupId, HOST, METRICS, PROCESSES, storeHistory } from './made-up-day.ts'

/** Tree, rewind and queries over a day of 1,000 processes in 150 groups, over HTTP on loopback; client in this process. */
const HOURS = Number(process.argv[2] ?? 24)
const ROUNDS = 100
const HOUR_MS = 3_600_000

const kit = await startGatewayKit({ DRIFTLINE_RATE_LIMITS_PER_SESSION: '100000' })
try {
  const nowMs = Math.floor(Date.now() / 60_000) * 60_000
  const filling = performance.now()
  await storeHistory(kit, HOURS, nowMs)
  const filledS = Math.round((performance.now() - filling) / 1000)
  const restarting = performance.now()
  await kit.restart()
  const restartMs = Math.round(performance.now() - restarting)
  process.stdout.write(`${machine()}\n${HOURS} h of ${PROCESSES} processes in ${GROUPS} groups, made in ${filledS} s\n`)
  process.stdout.write(`start of the gateway with all of it in the store: ${restartMs} ms\n`)

  const measure = async (name: string, path: (round: number) => string): Promise<void> => {
    const times: number[] = []
    const cpu = (): number[] => [cpuSecondsOf(process.pid), cpuSecondsOf(kit.store.server.childPid() ?? process.pid)]
    let before = cpu()
    for (let round = -5; round < ROUNDS; round++) {
      if (round === 0) before = cpu()
      const startedAt = performance.now()
      const answer = await kit.request(path(Math.abs(round)))
      if (answer.status !== 200) throw new Error(`${path(Math.abs(round))} answered ${answer.status}: ${answer.text}`)
      if (round >= 0) times.push(performance.now() - startedAt)
    }
    // Times suffer when others use the machine; the processor time of a request does not.
    const [own, store] = cpu().map((seconds, index) => (((seconds - before[index]!) * 1000) / ROUNDS).toFixed(1))
    process.stdout.write(line(name, times).replace('\n', `   CPU ${own} ms here, ${store} ms in the store\n`))
  }
  const somewhere = (round: number): number =>
    nowMs - Math.floor((((round * 7919 + 13) % 1000) / 1000) * HOURS * HOUR_MS) - 500
  const query = (round: number, range: string): string =>
    `/api/v1/query?process=${groupId((round * 37) % GROUPS)}&metric=${METRICS[round % METRICS.length]}&${range}`
  const day = `from=${nowMs - HOURS * HOUR_MS}&to=${nowMs}`

  await measure('tree, now', () => `/api/v1/hosts/${HOST}/processes`)
  await measure('tree, ?at= somewhere in the day', (round) => `/api/v1/hosts/${HOST}/processes?at=${somewhere(round)}`)
  await measure('/query, the day in steps of 5 min', (round) => query(round, `${day}&step=300`))
  await measure('/query, the day in steps of 1 min', (round) => query(round, `${day}&step=60`))
  await measure('/query, one hour of the day in steps of 10 s (raw)', (round) => {
    const to = somewhere(round)
    return query(round, `from=${to - HOUR_MS}&to=${to}&step=10`)
  })
  await measure('/performance, the day', (round) => `/api/v1/processes/${groupId(round % GROUPS)}/performance?${day}`)
  await measure('/performance, the last hour', (round) => `/api/v1/processes/${groupId(round % GROUPS)}/performance`)
  await measure('/analysis, the day', (round) => `/api/v1/processes/${groupId(round % GROUPS)}/analysis?${day}`)
  await measure('/overview', () => '/api/v1/overview')
} finally {
  await kit.end()
}
