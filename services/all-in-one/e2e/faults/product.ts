import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, type RunningChild, runService } from '../child.ts'
import { ADMIN_PASSWORD } from './rest.ts'

export const READY_WITHIN_MS = 180_000

/** The product in one process, on a data directory and ports that stay the same over its lives. */
export interface Product {
  readonly dataDir: string
  readonly address: string
  /** Where agents send to. */
  readonly intake: string
  /** Where MQTT clients publish to. */
  readonly broker: string
  /** Starts a life of it; `ready` waits for what it says when everything runs. */
  launch(): RunningChild
  ready(child: RunningChild): Promise<void>
  /** Ends all lives and removes the directory. */
  remove(): Promise<void>
}

/** Inserts as often as it can, so that a random moment is likely to fall into one. */
export const EAGER_WRITER = { DRIFTLINE_WRITER_LINGER: '50ms', DRIFTLINE_WRITER_QUIET_LINGER: '50ms' }

export async function createProduct(options: { readonly dataDir?: string } = {}): Promise<Product> {
  const directory = mkdtempSync(join(tmpdir(), 'driftline-faults-'))
  const dataDir = options.dataDir ?? join(directory, 'data')
  const [httpPort, grpcPort, mqttPort] = [await freePort(), await freePort(), await freePort()]
  const lives: RunningChild[] = []
  return {
    dataDir,
    address: `http://127.0.0.1:${httpPort}`,
    intake: `http://127.0.0.1:${grpcPort}`,
    broker: `mqtt://127.0.0.1:${mqttPort}`,
    launch() {
      const child = runService(
        'all-in-one',
        {
          DRIFTLINE_DATA_DIR: dataDir,
          DRIFTLINE_HTTP_PORT: String(httpPort),
          DRIFTLINE_GRPC_PORT: String(grpcPort),
          DRIFTLINE_MQTT_PORT: String(mqttPort),
          DRIFTLINE_MONITOR_GRPC_PORT: '0',
          DRIFTLINE_ADMIN_PASSWORD: ADMIN_PASSWORD,
          ...EAGER_WRITER,
        },
        directory,
      )
      lives.push(child)
      return child
    },
    async ready(child) {
      await child.prints(/ready at (\S+)/, READY_WITHIN_MS)
    },
    async remove() {
      await Promise.all(lives.map((child) => child.end('SIGKILL')))
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
