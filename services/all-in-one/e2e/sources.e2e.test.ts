import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import type { Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { openWindow, signIn, type Window } from './browser.ts'
import { eventually } from './child.ts'
import { createProduct, type Product } from './faults/product.ts'
import { ADMIN_PASSWORD } from './faults/rest.ts'
import { picture, took } from './sources/pictures.ts'
import { type Press, startPress } from './sources/press.ts'
import { type Anomaly, openSession, type Session, type SourceItem } from './sources/session.ts'
import { startWebLoad, type WebLoad } from './sources/web-load.ts'

/** Much more than a quiet machine needs: what must be fast is measured by the benchmarks. */
const SEEN_WITHIN_MS = 60_000
/** A drift line has a point for each minute, and the first ones are learnt from. */
const DRIFT_WITHIN_MS = 240_000

const directory = mkdtempSync(join(tmpdir(), 'driftline-sources-'))
let product: Product
let session: Session
let window: Window
let page: Page
const stops: (() => Promise<void>)[] = []

beforeAll(async () => {
  product = await createProduct()
  await product.ready(product.launch())
  session = await openSession(product.address)
})
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
  await window?.close()
})
afterAll(async () => {
  await product.remove()
  rmSync(directory, { recursive: true, force: true })
})

const region = (name: string): Locator => page.getByRole('region', { name, exact: true })
const goTo = (path: string): Promise<unknown> => page.goto(`${product.address}${path}`)

async function openTopicsOfBroker(topic: string): Promise<void> {
  const heard = await eventually('the topic among the sources', SEEN_WITHIN_MS, async () =>
    (await session.list<SourceItem>('sources?kind=mqtt-topic')).find(({ name }) => name === topic),
  )
  expect(heard.status).toBe('unmapped')
  await page.getByRole('navigation', { name: 'Main' }).first().getByRole('link', { name: 'Sources' }).click()
  await region('Sources')
    .getByRole('link', { name: /embedded|built-in/i })
    .click()
}

const anomaliesOf = (process: string): Promise<readonly Anomaly[]> =>
  session.list<Anomaly>(`processes/${encodeURIComponent(process)}/anomalies`)

describeWithServer('chromium', 'sources, with the browser of a person', (browser) => {
  beforeEach(async () => {
    window = await openWindow(browser().url)
    page = window.page
    await signIn(page, product.address, ADMIN_PASSWORD)
  })
  const pressOn = async (topic: string): Promise<Press> => {
    const press = await startPress(product.broker, topic)
    stops.push(() => press.stop())
    return press
  }

  test('a machine publishes, is mapped by two clicks, and is watched like everything else', async () => {
    const press = await pressOn('acme/pune/press/press-3/telemetry')
    await openTopicsOfBroker(press.topic)
    const row = region('Topics that match nothing').getByRole('row', { name: press.topic })
    await row.getByRole('button', { name: 'Map' }).click()
    await region('Live preview').getByText('71.5').or(region('Live preview').getByText('70.2')).first().waitFor()
    await picture(page, 'mqtt-1-proposed')
    await page.getByRole('button', { name: /Save mapping/ }).click()
    const mappedMs = Date.now()
    await page.getByText('Saved').waitFor()

    const device = await eventually('the device', SEEN_WITHIN_MS, async () =>
      (await session.list<{ processId: string }>('processes?kind=device')).find(({ processId }) =>
        processId.endsWith(':press-3'),
      ),
    )
    took('mapped to a device in the list', mappedMs)
    const process = device.processId
    const path = `processes/${encodeURIComponent(process)}`
    await eventually('its throughput', SEEN_WITHIN_MS, async () => {
      const { throughput } = await session.get<{ throughput: number | null }>(`${path}/metrics`)
      return (throughput ?? 0) > 1 ? true : undefined
    })
    const series = await session.list<{ metric: string; unit: string }>(`${path}/series`)
    expect(series).toEqual(
      expect.arrayContaining([expect.objectContaining({ metric: 'device.temperature', unit: 'Cel' })]),
    )
    await picture(page, 'mqtt-2-mapped')

    await session.put(`${path}/detection`, {
      thresholds: [{ metric: 'device.temperature', above: 100, severity: 'critical' }],
    })
    press.heat(140)
    const hotMs = Date.now()
    await eventually('the anomaly', SEEN_WITHIN_MS, async () =>
      (await anomaliesOf(process)).find(({ endedAt }) => !endedAt),
    )
    took('hot to an open anomaly', hotMs)
    await goTo(`/processes/${encodeURIComponent(process)}`)
    await region('Anomalies')
      .getByText(/temperature/i)
      .first()
      .waitFor({ timeout: SEEN_WITHIN_MS })
    // What went wrong takes the main chart; else it is among what the device measures.
    const small = page.getByRole('button', { name: 'Temperature', exact: true })
    await region('Temperature').or(small).first().waitFor({ timeout: SEEN_WITHIN_MS })
    await page.getByText('°C').first().waitFor()
    await picture(page, 'mqtt-3-hot')

    press.heat(70)
    const coolMs = Date.now()
    await eventually('the end of it', SEEN_WITHIN_MS, async () =>
      (await anomaliesOf(process)).every(({ endedAt }) => endedAt !== null) ? true : undefined,
    )
    took('cool to a closed anomaly', coolMs)
    await eventually('its drift line', DRIFT_WITHIN_MS, async () => {
      const asked = `drift?process=${encodeURIComponent(process)}`
      const { processes } = await session.get<{ processes: { deviations: (number | null)[] }[] }>(asked)
      return processes[0]?.deviations.some((deviation) => deviation !== null) ? true : undefined
    })
    took('cool to a drift line', coolMs)
    await goTo('/machines')
    await page.getByRole('main').getByText('press-3').first().waitFor()
    await picture(page, 'mqtt-4-machines')
    expect(window.problems).toEqual([])
  })

  test('what a mapping cannot read is a dead letter with its bytes, and is taken in after the mapping is mended', async () => {
    const press = await pressOn('acme/pune/saw/saw-1/telemetry')
    const topic = 'acme/pune/saw/saw-1/speed'
    const heard = await eventually('the topic', SEEN_WITHIN_MS, async () =>
      (await session.list<SourceItem>('sources?kind=mqtt-topic')).find(({ name }) => name === press.topic),
    )
    const mapping = { topic, process: 'device:pune:saw-1', payload: 'json' }
    const addMapping = (added: Mapping): Promise<void> =>
      session.redefine<{ mappings: readonly Mapping[] }>(heard.topic?.source ?? '', (definition) => ({
        ...definition,
        mappings: [...definition.mappings.filter((one) => one.topic !== topic), added],
      }))
    await addMapping(mapping)

    const letters = 'dead-letters?q=1450.5'
    const letter = await eventually('the dead letter', SEEN_WITHIN_MS, async () => {
      await press.publishTo(topic, '1450.5;82')
      return (await session.list<{ subject: string; reason: string }>(letters)).find((one) => one.subject === topic)
    })
    expect(letter.reason).toMatch(/^[a-z_]+$/)
    await goTo('/sources/dead-letters?q=1450.5')
    const first = page.getByRole('main').getByRole('button', { name: topic }).first()
    await first.click()
    await page.getByRole('main').locator('pre').getByText('1450.5;82').waitFor()
    await picture(page, 'letters-1-refused')

    await addMapping({
      ...mapping,
      payload: 'csv',
      csv: { delimiter: ';', columns: ['rpm', 'load'] },
      fields: [{ path: 'rpm', metric: 'device.speed', unit: '{rpm}' }],
    })
    const takenIn = page.getByText(/Taken in as 1 sample/)
    await eventually('what was refused is taken in', SEEN_WITHIN_MS, async () => {
      if ((await takenIn.count()) > 0) return true
      // Until the service has heard of the mended mapping it is refused again.
      await page.getByRole('button', { name: 'Replay', exact: true }).click({ timeout: 2000 })
      return undefined
    })
    await picture(page, 'letters-2-taken-in')
    const stored = await eventually('the sample', SEEN_WITHIN_MS, async () => {
      const count = await session.total('device:pune:saw-1', 'device.speed', 'count')
      return count > 0 ? count : undefined
    })
    expect(stored).toBe(1)
    expect(window.problems).toEqual([])
  })

  test('a log of transactions flags what is over 1,00,000, with the record, and alerts', async () => {
    const file = join(directory, 'transactions.log')
    const say = (transaction: object): void =>
      appendFileSync(file, `${JSON.stringify({ time: new Date().toISOString(), level: 'info', ...transaction })}\n`)
    writeFileSync(file, '')
    say({ id: 'T-1', customer: 'C-17', amount: 4200 })
    await goTo('/sources/new/file')
    await page.getByLabel('Name of the source').fill('payments')
    await page.getByLabel('Paths, one per line').fill(file)
    await page.getByLabel('Files that are there already').selectOption({ label: 'From their beginning' })
    await page.getByRole('button', { name: 'Rule', exact: true }).click()
    await page.getByLabel('Expression of rule 1').fill('amount > 1,00,000')
    await page.getByLabel('Name of rule 1').fill('large payment')
    await region('Live preview').getByText('T-1').first().waitFor({ timeout: SEEN_WITHIN_MS })
    say({ id: 'T-2', customer: 'C-17', amount: 184500 })
    await region('Live preview').getByText('would be flagged: large payment').waitFor({ timeout: SEEN_WITHIN_MS })
    await picture(page, 'payments-1-preview')
    await page.getByRole('button', { name: /^Save/ }).click()
    await page.waitForURL(/\/sources\/src_/)

    await eventually('the first lines', SEEN_WITHIN_MS, async () =>
      (await session.lines('process=log:payments')).length === 2 ? true : undefined,
    )
    say({ id: 'T-3', customer: 'C-90', amount: 250000 })
    const writtenMs = Date.now()
    const found = await eventually('the flagged record', SEEN_WITHIN_MS, async () =>
      (await anomaliesOf('log:payments')).find((one) => JSON.stringify(one.record).includes('T-3')),
    )
    took('line to a flagged record', writtenMs)
    expect(found).toMatchObject({ type: 'flagged_record', record: { id: 'T-3', customer: 'C-90', amount: 250000 } })
    await eventually('its alert', SEEN_WITHIN_MS, async () =>
      (await session.list<{ type: string }>('alerts?process=log:payments')).find(
        ({ type }) => type === 'flagged_record',
      ),
    )
    await goTo(`/processes/${encodeURIComponent('log:payments')}?anomaly=${found.id}`)
    await page
      .getByText(/2,50,000|250,000/)
      .first()
      .waitFor({ timeout: SEEN_WITHIN_MS })
    await picture(page, 'payments-2-flagged')
    expect(window.problems).toEqual([])
  })

  test('a template that a log never had before is an anomaly, and stands among its patterns', async () => {
    const file = join(directory, 'shop.log')
    const say = (timeMs: number, level: string, message: string): void =>
      appendFileSync(file, `${JSON.stringify({ time: new Date(timeMs).toISOString(), level, message })}\n`)
    // Ten minutes that were written before anybody read them: what a log says in its first five is learnt.
    const historyMs = 600_000
    for (let ms = historyMs; ms > 0; ms -= 2000) say(Date.now() - ms, 'info', `order ${ms} is paid by card ${ms + 17}`)
    const definition = { paths: [file], from: 'beginning' }
    await session.post('sources', { kind: 'file', name: 'shop', definition })
    await eventually('its history', SEEN_WITHIN_MS, async () =>
      (await session.lines('process=log:shop')).length === historyMs / 2000 ? true : undefined,
    )
    expect(await anomaliesOf('log:shop')).toEqual([])
    say(Date.now(), 'error', 'database connection 5 lost')
    const writtenMs = Date.now()
    const found = await eventually('the anomaly', SEEN_WITHIN_MS, async () =>
      (await anomaliesOf('log:shop')).find(({ type }) => type === 'new_log_pattern'),
    )
    took('line to a new template', writtenMs)
    expect(JSON.stringify(found.record)).toContain('database connection 5 lost')
    await goTo('/logs?process=log:shop&tab=patterns')
    await page
      .getByText(/database connection .* lost/)
      .first()
      .waitFor({ timeout: SEEN_WITHIN_MS })
    await picture(page, 'patterns')
    expect(window.problems).toEqual([])
  })

  describeWithServer('nginx', 'a web server that writes an access log', (server) => {
    test('is previewed before it is saved, searched, measured, and loses no line while its log is rotated', async () => {
      const address = new URL(server().url)
      const log = address.searchParams.get('log') ?? ''
      const load: WebLoad = startWebLoad(address.origin)
      stops.push(() => load.stop())
      await goTo('/sources/new/file')
      await page.getByLabel('Name of the source').fill('web')
      await page.getByLabel('Paths, one per line').fill(log)
      await page.getByLabel('Files that are there already').selectOption({ label: 'From their beginning' })
      await region('Live preview').getByText('/broken?visitor=').first().waitFor({ timeout: SEEN_WITHIN_MS })
      await page.getByText(/combined reads 100 % of what stands there/).waitFor({ timeout: SEEN_WITHIN_MS })
      await picture(page, 'nginx-1-preview')
      expect(await session.list<SourceItem>('sources?kind=file&q=web')).toEqual([])
      await page.getByRole('button', { name: /^Save/ }).click()
      await page.waitForURL(/\/sources\/src_/)
      await eventually('the first lines', SEEN_WITHIN_MS, async () =>
        (await session.lines('process=log:web')).length > 0 ? true : undefined,
      )

      const beforeRotation = load.asked.length
      renameSync(log, `${log}.1`)
      await eventually('lines in the renamed file', SEEN_WITHIN_MS, async () =>
        load.asked.length > beforeRotation + 5 ? true : undefined,
      )
      globalThis.process.kill(Number(readFileSync(address.searchParams.get('pid') ?? '', 'utf8')), 'SIGUSR1')
      await eventually('an error rate', SEEN_WITHIN_MS, async () => {
        const { errorRate } = await session.get<{ errorRate: number | null }>('processes/log:web/metrics')
        return (errorRate ?? 0) > 0 ? true : undefined
      })
      await picture(page, 'nginx-2-source')
      await load.stop()
      await allOf(load)
      await searched(load)
    })
  })

  async function allOf(load: WebLoad): Promise<void> {
    const pathsOf = (lines: readonly { body: string }[]): string[] =>
      lines.map(({ body }) => /GET (\S+) HTTP/.exec(body)?.[1] ?? body).sort()
    const lines = await eventually('every line', SEEN_WITHIN_MS, async () => {
      const found = await session.lines('process=log:web')
      return found.length >= load.asked.length ? found : undefined
    })
    expect(pathsOf(lines)).toEqual(load.asked.map(({ path }) => path).sort())
  }

  async function searched(load: WebLoad): Promise<void> {
    const withStatus = (status: number) => load.asked.filter((one) => one.status === status).length
    const count = async (search: string) => (await session.lines(`process=log:web&${search}`)).length
    expect(withStatus(500)).toBeGreaterThan(0)
    expect(await count('q=missing')).toBe(withStatus(404))
    expect(await count('field.http.response.status_code=500')).toBe(withStatus(500))
    expect(await count('severity=error%2B')).toBe(withStatus(500))
    const [first, ...rest] = await session.lines('process=log:web')
    const later = rest.filter(({ time }) => time !== first?.time)
    expect(await count(`from=${encodeURIComponent(later[0]?.time ?? '')}`)).toBe(later.length)

    await goTo('/logs?process=log:web')
    // Names that are typed are those of fields that the page has seen.
    await page.locator('#log-fields option').first().waitFor({ state: 'attached', timeout: SEEN_WITHIN_MS })
    const search = page.getByLabel('Search the lines')
    await search.fill('status:500')
    await search.press('Enter')
    await page.getByRole('heading', { name: `${withStatus(500)} lines fit.` }).waitFor({ timeout: SEEN_WITHIN_MS })
    await page.getByRole('row').filter({ hasText: '/missing?visitor=' }).first().waitFor({ state: 'detached' })
    await page.getByRole('row').filter({ hasText: '/broken?visitor=' }).first().waitFor()
    await picture(page, 'nginx-3-logs')
    expect(window.problems).toEqual([])
  }
})

interface Mapping extends Readonly<Record<string, unknown>> {
  readonly topic: string
}
