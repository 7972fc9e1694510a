import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  findFreePort,
  runUntilSignal,
  type ServerProcess,
  startServerProcess,
  type TrialServer,
} from './server-process.ts'

/** Clients of the server: `driftline` says who it is in a header, `driftline-body` in the body. */
export const OAUTH2_SECRET = 'a secret of the trial / with & signs'

/** An OAuth2 server (npm's oidc-provider) on a free port of loopback; see `oauth2-server.mjs`. */
export async function startOauth2(): Promise<TrialServer> {
  const directory = mkdtempSync(join(tmpdir(), 'driftline-oauth2-'))
  const port = await findFreePort()
  const program = fileURLToPath(new URL('./oauth2-server.mjs', import.meta.url))
  const launch = (): Promise<ServerProcess> =>
    startServerProcess({
      command: process.execPath,
      args: [program, String(port), OAUTH2_SECRET],
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      logFile: join(directory, 'oauth2.log'),
      readyText: 'ready',
    })
  let running = await launch()
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      await running.end('SIGTERM')
      rmSync(directory, { recursive: true, force: true })
    },
    crash: () => running.end('SIGKILL'),
    async restart() {
      running = await launch()
    },
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runUntilSignal(startOauth2)
