import type { SystemStatus } from '../../api/types.ts'

/** Where things stand, for commands that run on another host. */
export interface Places {
  /** Origin of this page, where the agent's file is fetched. */
  readonly origin: string
  /** `http(s)://host:port` of the intake; null when nobody told. */
  readonly server: string | null
}

/** The intake's address as it was set, else its port on the host that this page came from. */
export function placesOf(page: Pick<Location, 'origin' | 'hostname'>, agents: SystemStatus['agents'] | null): Places {
  const { address = null, port = null, tls = false } = agents ?? {}
  const server = address ?? (port === null ? null : `${tls ? 'https' : 'http'}://${page.hostname}:${port}`)
  return { origin: page.origin, server: server?.replace(/\/$/, '') ?? null }
}

export type Shell = 'sh' | 'powershell'

/** Fetches the agent and runs it; each line can be pasted by itself. Needs Node.js 20.19 or later there. */
export function commandsFor(shell: Shell, { origin, server }: Places, key: string): string {
  const to = server ?? 'http://ADDRESS:8090'
  if (shell === 'powershell')
    return [
      `Invoke-WebRequest ${origin}/api/v1/agent -Headers @{ Authorization = 'Bearer ${key}' } -OutFile driftline-agent.mjs`,
      `$env:DRIFTLINE_AGENT_SERVER = '${to}'; $env:DRIFTLINE_AGENT_API_KEY = '${key}'`,
      'node driftline-agent.mjs',
    ].join('\n')
  return [
    `curl -fsS -H 'Authorization: Bearer ${key}' -o driftline-agent.mjs ${origin}/api/v1/agent`,
    `DRIFTLINE_AGENT_SERVER=${to} DRIFTLINE_AGENT_API_KEY=${key} node driftline-agent.mjs`,
  ].join(' &&\n')
}
