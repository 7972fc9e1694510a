import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startClickHouse } from '../../../../infra/servers/clickhouse.ts'
import type { TrialServer } from '../../../../infra/servers/server-process.ts'
import { describeAnalyticsStore } from './analytics-store.contract.ts'
import type { AnalyticsStore } from './analytics-store.ts'
import { createAnalyticsStore } from './create-analytics-store.ts'
import { ask } from './embedded-probe.ts'
import { endpointOfUrl } from './store-endpoint.ts'
import { migrationsDir, quietLogger, testRetention } from './testing/store-test-kit.ts'

let server: TrialServer
beforeAll(async () => {
  server = await startClickHouse()
})
afterAll(() => server?.stop())

const urlOf = (database: string): string => new URL(`/${database}`, server.url).href

/** The store as a service has it that is told of a server by its URL. */
function storeAt(clickhouseUrl: string): AnalyticsStore {
  const config = { dir: '/nowhere', clickhouseUrl, memoryBytesMax: 0, ...testRetention, migrationsDir }
  return createAnalyticsStore(config, { logger: quietLogger })
}

async function databases(): Promise<string[]> {
  const { url, writer } = endpointOfUrl(server.url)
  return (await ask(url, writer, 'SHOW DATABASES')).text.trim().split('\n')
}

describe('a server apart', () => {
  it('gets its database from the first that starts, however many do at once', async () => {
    expect(await databases()).not.toContain('first_start')
    const stores = Array.from({ length: 3 }, () => storeAt(urlOf('first_start')))
    await Promise.all(stores.map((store) => store.start()))
    expect(await databases()).toContain('first_start')
    for (const store of stores) {
      expect(await store.query('SELECT uniq(number) AS n FROM migrations')).toEqual([
        { n: String(readdirSync(migrationsDir).length) },
      ])
    }
    await Promise.all(stores.map((store) => store.stop()))
  })

  it('outlives the store, which finds its rows again', async () => {
    const first = storeAt(urlOf('outlives'))
    await first.start()
    await first.execute('INSERT INTO samples (series, ts, value) VALUES (1, now64(3), 2.5)')
    await first.stop()
    const second = storeAt(urlOf('outlives'))
    await second.start()
    expect(await second.query('SELECT series, value FROM samples')).toEqual([{ series: '1', value: 2.5 }])
    await second.stop()
  })
})

describeAnalyticsStore('the analytics store on a server apart', async () => {
  const url = urlOf('contract')
  const store = storeAt(url)
  await store.start()
  return {
    store,
    endpoint: () => endpointOfUrl(url),
    crash: server.crash,
    restart: server.restart,
    end: store.stop,
  }
})
