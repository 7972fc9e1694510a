import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { eventually, type RunningChild } from '../child.ts'
import { type CountingAgent, startCountingAgent } from './counting-agent.ts'
import { checkTables, drain, expectNothingTwice, expectWhole, withStore } from './history.ts'
import { createProduct, type Product } from './product.ts'
import { createSeededRandom, type SeededRandom } from './random.ts'
import { openRest } from './rest.ts'

const KILLS = 20
const HEARD_WITHIN_MS = 120_000

let product: Product
let agent: CountingAgent | null = null
const directory = mkdtempSync(join(tmpdir(), 'driftline-agent-'))

afterEach(async () => {
  await agent?.stop()
  await product?.remove()
  rmSync(directory, { recursive: true, force: true })
})

/** Kills it while it starts, or once it has taken a batch: in between nothing would ever get through. */
async function killAtRandom(child: RunningChild, counting: CountingAgent, random: SeededRandom): Promise<void> {
  if (random.below(5) < 1) await sleep(random.below(2500))
  else {
    const before = counting.acknowledged()
    await product.ready(child)
    await eventually('taking a batch', HEARD_WITHIN_MS, async () => counting.acknowledged() > before || undefined)
    await sleep(random.below(2000))
  }
  // A supervisor ends the whole group; the kernel's out-of-memory killer only the process, and the store goes with it.
  if (random.below(2) < 1) await child.end('SIGKILL')
  else await child.endAlone('SIGKILL')
}

test(`every batch is there once after all-in-one was killed ${KILLS} times`, { timeout: 1_200_000 }, async () => {
  const random = createSeededRandom('kill all-in-one')
  product = await createProduct()
  let child = product.launch()
  await product.ready(child)
  const rest = await openRest(product.address)
  const { ingestKey: apiKey } = rest
  agent = await startCountingAgent({ host: 'counted-1', server: product.intake, apiKey, directory })
  for (let kill = 0; kill < KILLS; kill++) {
    await killAtRandom(child, agent, random)
    child = product.launch()
  }
  await product.ready(child)
  const batches = await drain(agent, rest)
  await checkTables(agent, rest, random)
  await agent.stop()
  expect(await child.end('SIGTERM')).toBe(0)
  await withStore(product, async (store) => {
    await expectWhole(store, 'counted-1', batches)
    await expectNothingTwice(store)
  })
  process.stdout.write(`kill all-in-one: ${batches} batches\n`)
})
