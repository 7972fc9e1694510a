import { readFileSync } from 'node:fs'
import type { AgentConfig } from '@driftline/agent/config'
import { createAgent } from '@driftline/agent/service'
import type { Intake } from '@driftline/intake/service'
import type { Access } from '@driftline/platform/access/access'
import type { Clock } from '@driftline/platform/clock'
import type { GrpcTlsConfig } from '@driftline/platform/grpc/grpc-server'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'

export interface LocalAgentDeps {
  readonly intake: Intake
  readonly access: Access
  readonly logger: Logger
  readonly clock: Clock
}

export interface LocalAgentConfig {
  readonly agent: AgentConfig
  readonly spoolDir: string
  /** Address that the intake listens on. */
  readonly bind: string
  readonly intakeTls: GrpcTlsConfig | null
}

const DEFAULT_SERVER = 'http://127.0.0.1:8090'
const TENANT = 'default'

/**
 * The agent of the machine that the server runs on. It goes through the same door as every other: once the intake
 * listens it gets a key of its own, made anew at each start. A server named in the settings is respected.
 */
export function createLocalAgent(config: LocalAgentConfig, deps: LocalAgentDeps): Component {
  let agent: Component | null = null
  return {
    name: 'agent',
    async start() {
      const apiKey =
        config.agent.apiKey ||
        (await deps.access.apiKeys.issueSystemKey({ tenant: TENANT, name: 'agent of this machine', role: 'ingest' }))
      const server =
        config.agent.server === DEFAULT_SERVER ? ownServer(config, deps.intake.port()) : config.agent.server
      const authority =
        config.agent.tls.authority ?? (config.intakeTls && readFileSync(config.intakeTls.certFile, 'utf8'))
      const tls = { ...config.agent.tls, authority }
      agent = createAgent({ ...config.agent, apiKey, server, tls, spoolDir: config.spoolDir }, deps)
      await agent.start()
    },
    async stop() {
      await agent?.stop()
    },
  }
}

function ownServer({ bind, intakeTls }: LocalAgentConfig, port: number): string {
  if (intakeTls !== null) return `https://localhost:${port}`
  const everywhere = bind === '0.0.0.0' || bind === '::'
  const host = everywhere ? '127.0.0.1' : bind.includes(':') ? `[${bind}]` : bind
  return `http://${host}:${port}`
}
