import { join } from 'node:path'
import { createAlerter } from '@driftline/alerter/service'
import { createFileCheckpoints } from '@driftline/analyzer/checkpoints'
import { createHistoryReader } from '@driftline/analyzer/history/history-reader'
import { createAnalyzer } from '@driftline/analyzer/service'
import { createChecker } from '@driftline/checker/service'
import { createFileFlows } from '@driftline/checks/file-flows'
import { createGateway } from '@driftline/gateway/service'
import { createFileSources } from '@driftline/ingest/file-sources'
import { createPushService } from '@driftline/intake/push/push-service'
import { createIntake } from '@driftline/intake/service'
import { createTicker, tickerDefaults } from '@driftline/intake/ticker'
import { createMqtt } from '@driftline/mqtt/service'
import { accessDefaults, createAccess } from '@driftline/platform/access/access'
import type { FirstAdmin } from '@driftline/platform/access/first-admin'
import type { Clock } from '@driftline/platform/clock'
import { createEngines } from '@driftline/platform/engines'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { SelfMetrics } from '@driftline/platform/metrics'
import { topics } from '@driftline/proto'
import { createTailer } from '@driftline/tailer/service'
import { createPositionStore } from '@driftline/writer/positions'
import { createWriter } from '@driftline/writer/service'
import type { AllInOneConfig } from './config.ts'
import { createLocalAgent } from './local-agent.ts'

/** Everything in one process: the list of components, and what the first start made. */
export interface AllInOne {
  readonly components: readonly Component[]
  /** Where the web app answers; known after the start. */
  address(): string
  /** Account that this start made; null when there was one. */
  firstAdmin(): FirstAdmin | null
}

/** The same components as apart. Consumers start before producers. */
export function createAllInOne(
  config: AllInOneConfig,
  deps: { readonly logger: Logger; readonly metrics: SelfMetrics; readonly clock: Clock },
): AllInOne {
  const engines = createEngines(config.engines, 'driftline', { ...deps, topics, isWhole: true })
  const { bus, analytics, metadata, hotState, sealer, dataDir } = engines
  const shared = { ...deps, bus, analytics, metadata, hotState, sealer }
  const access = createAccess(accessDefaults, shared)
  const push = createPushService(config.intake.push, { ...shared, access })
  const intake = createIntake(config.intake, { ...shared, access, services: push.services })
  const { bind, tls } = config.intake
  let doorPort: number | null = null
  /** The gateway starts before the intake, and tells new hosts its port from then on. */
  const agentDoor: Component = {
    name: 'agent-door',
    async start() {
      doorPort = intake.port()
    },
    stop: async () => {},
  }
  const gateway = createGateway(config.gateway, {
    ...shared,
    access,
    agentDoor: () => (doorPort === null ? null : { port: doorPort, tls: tls !== null, bind }),
    routers: [push.http],
  })
  let firstAdmin: FirstAdmin | null = null
  const accounts: Component = {
    name: 'accounts',
    async start() {
      firstAdmin = await access.ensureFirstAdmin({ password: config.common.adminPassword })
    },
    stop: async () => {},
  }
  const address = (): string => addressOf(config.gateway, gateway.port())
  const agent = createLocalAgent(
    { agent: config.agent, spoolDir: join(dataDir, 'agent'), bind: config.intake.bind, intakeTls: config.intake.tls },
    { ...shared, intake, access },
  )
  return {
    components: [
      ...engines.components('metadata', 'hotState', 'bus', 'analytics'),
      accounts,
      createFileSources({ sources: config.sources }, shared),
      createFileFlows({ flows: config.flows }, shared),
      createWriter(config.writer, { ...shared, positions: createPositionStore(metadata) }),
      createAlerter(config.alerter, shared),
      createAnalyzer(config.analyzer, {
        ...shared,
        checkpoints: createFileCheckpoints({ dataDir }),
        history: createHistoryReader(shared),
      }),
      ...push.components,
      gateway,
      intake,
      agentDoor,
      createTicker({ ...tickerDefaults, instance: config.intake.instance }, shared),
      createMqtt(config.mqtt, { ...shared, access }),
      createTailer(config.tailer, { ...shared, dataDir }),
      // Flows ask the product itself, so its door is open by now.
      createChecker(config.checker, { ...shared, productUrl: address }),
      ...(config.common.monitoringEnabled ? [agent] : []),
    ],
    address,
    firstAdmin: () => firstAdmin,
  }
}

function addressOf(gateway: AllInOneConfig['gateway'], port: number): string {
  const host = ['0.0.0.0', '::', '127.0.0.1'].includes(gateway.bind) ? '127.0.0.1' : gateway.bind
  return `${gateway.tls === null ? 'http' : 'https'}://${host}:${port}`
}
