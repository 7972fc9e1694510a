import { beforeAll, beforeEach, describe, inject } from 'vitest'
import type {} from '../../../../infra/servers/desk.ts'

export type RealServer =
  | 'kafka'
  | 'postgres'
  | 'redis'
  | 'mosquitto'
  | 'prometheus'
  | 'nginx'
  | 'smtp'
  | 'oauth2'
  | 'chromium'
  | 'mariadb'
  | 'sftp'
  | 's3'

/**
 * A suite that needs a real server. `server()` answers where it is (for Chromium: the path of the program). Servers are
 * shared by all files of a run, so use names of your own in them. On a machine that lacks the server every test of the
 * suite is skipped with the reason; with `CI` set that is a failure.
 */
export function describeWithServer(
  name: RealServer,
  title: string,
  suite: (server: () => { url: string }) => void,
): void {
  describe(title, () => {
    let url: string | undefined
    let missing: string | undefined
    beforeAll(async () => {
      const response = await fetch(`${inject('serverDesk')}/${name}`)
      const body = (await response.json()) as { url?: string; reason?: string }
      if (response.ok) url = body.url
      else if (response.status === 501) missing = body.reason
      else throw new Error(`${name} did not start: ${body.reason}`)
      if (missing !== undefined && process.env.CI) throw new Error(`${name} is needed with CI set: ${missing}`)
    }, 180_000)
    beforeEach(({ skip }) => {
      if (missing !== undefined) skip(missing)
    })
    suite(() => {
      if (url === undefined) throw new Error(`${name} is asked for outside of a test`)
      return { url }
    })
  })
}
