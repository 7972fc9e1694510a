import { join } from 'node:path'
import { networkSettings } from '@driftline/checks/network-settings'
import { AppError } from '@driftline/platform/errors'
import { readSettings, type SettingsSource, setting } from '@driftline/platform/settings'
import { count, durationMs, port } from '@driftline/platform/units'
import { z } from 'zod'
import type { EstateLimits } from './estate/tenant-estate.ts'
import type { RateLimits } from './http/limits.ts'
import { isProxyRange, type TrustedProxies } from './http/proxies.ts'
import type { LiveLimits } from './live/server.ts'

const MIB = 1024 * 1024

const origins = z
  .union([z.array(z.string()), z.string().transform((text) => text.split(',').map((part) => part.trim()))])
  .transform((list) => list.filter((origin) => origin !== ''))
  .refine((list) => list.every(isOrigin), 'must be origins such as https://wall.example, without a path')

const PROXIES = 'must be a number of proxies up to 10, or addresses and networks such as 10.0.0.0/8, joined by commas'

const proxies = z.union([z.number(), z.string(), z.array(z.string())]).transform((value, context): TrustedProxies => {
  const hops = typeof value === 'string' && /^\d+$/.test(value.trim()) ? Number(value) : value
  if (typeof hops === 'number') {
    if (Number.isInteger(hops) && hops >= 0 && hops <= 10) return hops
  } else {
    const ranges = (typeof hops === 'string' ? hops.split(',') : hops).map((part) => part.trim())
    if (ranges.every(isProxyRange)) return ranges
  }
  context.addIssue({ code: 'custom', message: PROXIES })
  return z.NEVER
})

function isOrigin(text: string): boolean {
  try {
    return new URL(text).origin === text
  } catch {
    return false
  }
}

/** Where the build puts the web app; the same from the sources and from a bundle. */
const WEB_DIRECTORY = join(import.meta.dirname, '../../../web/dist')

const AGENT_FILE = join(import.meta.dirname, '../../agent/dist/driftline-agent.mjs')

export const gatewaySettings = {
  bind: setting('bind', z.string().min(1), '127.0.0.1', 'Address to listen on'),
  httpPort: setting('http_port', port, 8080, 'Port of the API, the live channel and the web app; 0 picks a free one'),
  monitorPort: setting('monitor_grpc_port', port, 8091, 'Port of the monitor service (gRPC); 0 picks a free one'),
  tlsCertFile: setting('tls.cert_file', z.string().nullable(), null, 'PEM certificate; without one, no encryption'),
  tlsKeyFile: setting('tls.key_file', z.string().nullable(), null, 'PEM key of that certificate'),
  corsOrigins: setting('cors_origins', origins, [], 'Origins of other pages that may use the API; none by default'),
  trustedProxies: setting(
    'trust_proxy',
    proxies,
    0,
    'Proxies in front whose X-Forwarded-For and -Proto are believed: how many, or their addresses; 0 for none',
  ),
  webDirectory: setting('web_dir', z.string().min(1), WEB_DIRECTORY, 'Directory of the built web app'),
  agentFile: setting('agents.file', z.string().min(1), AGENT_FILE, 'The agent that other hosts download'),
  agentsAddress: setting(
    'agents.address',
    z.url({ protocol: /^https?$/, error: 'must be http://host:port or https://host:port' }).nullable(),
    null,
    'Where agents of other hosts reach the intake, such as https://driftline.example:8090; shown when adding a host',
  ),
  sessionRate: setting('rate_limits.per_session', count(100_000), 100, 'Requests per second of a session or API key'),
  addressRate: setting('rate_limits.per_address', count(100_000), 20, 'Requests per second of an unknown caller'),
  bodyBytesMax: setting('limits.body_bytes', count(64 * MIB), MIB, 'Size of a request body'),
  liveClients: setting('live.max_clients', count(100_000), 2000, 'WebSocket clients at once'),
  liveBuffer: setting('live.max_buffered_bytes', count(256 * MIB), 4 * MIB, 'Waiting for one client; past it, dropped'),
  liveSubscriptions: setting('live.max_subscriptions', count(10_000), 200, 'Channels of one client'),
  processesMax: setting('estate.max_processes', count(1_000_000), 20_000, 'Processes kept live, per tenant'),
  hostsMax: setting('estate.max_hosts', count(100_000), 2000, 'Hosts kept live, per tenant'),
  seriesMax: setting('estate.max_series', count(10_000_000), 300_000, 'Series kept live, per tenant'),
  rawRetention: setting(
    'process_monitor.real_time_monitoring.raw_retention',
    durationMs,
    '48h',
    'Life of raw seconds; older ranges are answered from 1-minute roll-ups',
  ),
  dataRetention: setting(
    'process_monitor.real_time_monitoring.data_retention',
    durationMs,
    '30d',
    'Life of 1-minute roll-ups',
  ),
  ...networkSettings,
} as const

/** Of the gateway as a process of its own, which then makes the first account. */
export const accountSettings = {
  adminPassword: setting(
    'admin_password',
    z.string().min(10, 'must have at least 10 characters').optional(),
    undefined,
    'Password of `admin` at the first start; without one it is made and printed',
  ),
} as const

export interface GatewayConfig {
  readonly bind: string
  readonly httpPort: number
  /** Of the monitor service. */
  readonly monitorPort: number
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null
  readonly corsOrigins: readonly string[]
  readonly trustedProxies: TrustedProxies
  readonly webDirectory: string
  /** What a new host needs: the agent's file, and where agents connect, null where that is not set. */
  readonly agents: { readonly file: string; readonly address: string | null }
  readonly rateLimits: RateLimits
  readonly bodyBytesMax: number
  readonly live: LiveLimits
  readonly estate: EstateLimits
  readonly retention: { readonly rawMs: number; readonly rollupMs: number }
  /** What the checker may reach besides, to be shown: it has the same setting. */
  readonly presetNetworks: readonly string[]
}

/** Errors: `config_invalid`. */
export function readGatewayConfig(source: SettingsSource): GatewayConfig {
  const settings = readSettings(source, gatewaySettings)
  const { tlsCertFile: certFile, tlsKeyFile: keyFile } = settings
  if ((certFile === null) !== (keyFile === null)) {
    throw new AppError('config_invalid', 'tls: cert_file and key_file go together')
  }
  return Object.freeze({
    bind: settings.bind,
    httpPort: settings.httpPort,
    monitorPort: settings.monitorPort,
    tls: certFile === null || keyFile === null ? null : { certFile, keyFile },
    corsOrigins: settings.corsOrigins,
    trustedProxies: settings.trustedProxies,
    webDirectory: settings.webDirectory,
    agents: { file: settings.agentFile, address: settings.agentsAddress },
    rateLimits: { perSession: settings.sessionRate, perAddress: settings.addressRate },
    bodyBytesMax: settings.bodyBytesMax,
    live: {
      clientsMax: settings.liveClients,
      bufferedBytesMax: settings.liveBuffer,
      subscriptionsMax: settings.liveSubscriptions,
      messagesPerSecondMax: 50,
      messageBytesMax: 64 * 1024,
      authenticationMs: 5000,
      strangersPerAddressMax: 8,
      strangersMax: 256,
      pingMs: 15_000,
    },
    estate: {
      processes: settings.processesMax,
      hosts: settings.hostsMax,
      series: settings.seriesMax,
      sources: settings.hostsMax,
      recent: { durationMs: 150_000, bytes: 8 * MIB },
      findings: { openAnomalies: 5000, closedAnomalies: 1000, alerts: 5000 },
    },
    retention: { rawMs: settings.rawRetention, rollupMs: settings.dataRetention },
    presetNetworks: settings.allowedPrivateNetworks,
  })
}
