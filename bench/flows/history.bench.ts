import { startGatewayKit } from '@driftline/gateway/testing/gateway-kit'
import { line, machine } from '../gateway/figures.ts'
import { DAYS, FLOWS, flowOf, invoiceOf, STEPS, storeRuns } from './made-up-runs.ts'

/** History of many runs over HTTP on loopback: lists, searches, trends, steps, grids. Client in this process. */
const RUNS = Number(process.argv[2] ?? 1_000_000)
const ROUNDS = 60
const DAY_MS = 86_400_000

const kit = await startGatewayKit({ DRIFTLINE_RATE_LIMITS_PER_SESSION: '100000' })
try {
  const nowMs = Date.now()
  const filling = performance.now()
  for (let index = 0; index < FLOWS; index++) {
    const steps = Array.from({ length: STEPS }, (_, step) => ({
      stepName: `Step ${step + 1}`,
      checkType: 'rest',
      checkConfiguration: { url: 'https://crm.example/v2/customers' },
    }))
    const made = await kit.request('/api/v1/flows', { method: 'POST', body: { name: `Process ${index}`, steps } })
    if (made.status !== 201) throw new Error(made.text)
  }
  await storeRuns(kit.store.store, RUNS, nowMs)
  const filledS = Math.round((performance.now() - filling) / 1000)
  const restarting = performance.now()
  await kit.restart()
  const restartMs = Math.round(performance.now() - restarting)
  process.stdout.write(`${machine()}\n${RUNS} runs of ${FLOWS} flows with ${STEPS} steps, made in ${filledS} s\n`)
  process.stdout.write(`start of the gateway with all of it in the store: ${restartMs} ms\n`)

  const measure = async (name: string, path: (round: number) => string): Promise<void> => {
    const times: number[] = []
    for (let round = -3; round < ROUNDS; round++) {
      const startedAt = performance.now()
      const answer = await kit.request(path(Math.abs(round)))
      if (answer.status !== 200) throw new Error(`${path(Math.abs(round))} answered ${answer.status}: ${answer.text}`)
      if (round >= 0) times.push(performance.now() - startedAt)
    }
    process.stdout.write(line(name, times))
  }
  const flow = (round: number): string => flowOf((round * 37) % FLOWS)
  const ofFlow = (round: number): string => `/api/v1/processes/${flow(round)}/checks`
  const invoice = (round: number): string => invoiceOf((round * 7919) % RUNS)
  const from = (days: number): string => `from=${nowMs - days * DAY_MS}`
  const ids: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const to = nowMs - Math.floor((((round * 7919) % 1000) / 1000) * DAYS * DAY_MS)
    ids.push((await kit.request(`/api/v1/checks?limit=1&to=${to}`)).body.items[0].checkId)
  }
  const { nextCursor } = (await kit.request(`/api/v1/checks?limit=1000&to=${nowMs - 14 * DAY_MS}`)).body

  await measure('list, all flows', () => '/api/v1/checks')
  await measure('list, one flow', ofFlow)
  await measure('list, a page in the middle', () => `/api/v1/checks?cursor=${nextCursor}`)
  await measure('list, all flows, failed', () => '/api/v1/checks?status=failed,timeout')
  await measure(
    'list, one flow, failed, by schedule, of a week',
    (r) => `${ofFlow(r)}?status=failed&trigger=schedule&${from(7)}`,
  )
  await measure('search, a number that occurs once', (r) => `/api/v1/checks?q=${invoice(r)}`)
  await measure('search, a number, one flow', (r) => `${ofFlow(r)}?q=${invoice(r)}`)
  await measure('search, words that occur everywhere', () => '/api/v1/checks?q=admin+customer')
  await measure('search, words that occur in one run of twenty', () => '/api/v1/checks?q=expected+%22status+was%22')
  await measure('search, a word that occurs nowhere', () => '/api/v1/checks?q=nowhere')
  await measure('search, inside words', (r) => `/api/v1/checks?q=v-${(r * 7919) % RUNS}*`)
  await measure('trend, one flow, 28 days', (r) => `/api/v1/flows/${flow(r)}/trend?${from(28)}`)
  await measure('trend, one flow, a day', (r) => `/api/v1/flows/${flow(r)}/trend`)
  await measure('steps with normal and drift', (r) => `/api/v1/flows/${flow(r)}/steps`)
  await measure('grid of 60 runs', (r) => `/api/v1/flows/${flow(r)}/grid`)
  await measure('one run with its steps', (r) => `/api/v1/checks/${ids[r % ids.length]}`)
  await measure(
    'two runs compared',
    (r) => `/api/v1/checks/compare?a=${ids[r % ids.length]}&b=${ids[(r + 7) % ids.length]}`,
  )
  await measure('flows with health and 24 h', () => '/api/v1/flows?limit=1000')
} finally {
  await kit.end()
}
