import { createEmbeddedServer } from '../embedded-server.ts'
import { quietLogger } from './store-test-kit.ts'

/** A process that owns an embedded server, for tests that kill owners. Reports the pid of its child. */
const dir = process.argv[2]?.startsWith('--serve=') ? process.argv[2].slice('--serve='.length) : null

if (dir !== null) {
  process.on('disconnect', () => process.exit(0))
  const server = createEmbeddedServer(
    { dir, database: 'driftline', memoryBytesMax: 400 * 1024 * 1024, startTimeoutMs: 20_000, healthIntervalMs: 1000 },
    { logger: quietLogger },
  )
  server.start().then(
    () => process.send?.(server.childPid()),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`)
      process.exit(1)
    },
  )
}
