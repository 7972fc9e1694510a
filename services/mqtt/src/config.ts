import { hostname } from 'node:os'
import { AppError } from '@driftline/platform/errors'
import { readSettings, type SettingsSource, setting } from '@driftline/platform/settings'
import { count, durationMs, flag, port } from '@driftline/platform/units'
import { z } from 'zod'
import { brokerLimits } from './broker/broker-limits.ts'
import type { EmbeddedBrokerConfig } from './broker/embedded-broker.ts'
import type { TimeBounds } from './mapping/mapper.ts'

const file = z.string().nullable()

export const mqttSettings = {
  bind: setting('bind', z.string().min(1), '127.0.0.1', 'Address to listen on'),
  embedded: setting('mqtt.embedded', flag, true, 'Serve MQTT 3.1.1 clients with a broker of its own'),
  port: setting('mqtt.port', port, 1883, 'Port of that broker; 0 picks a free one'),
  anonymous: setting(
    'mqtt.anonymous',
    flag,
    true,
    'Clients on this machine need no key; from elsewhere the password is an API key that may send data, always',
  ),
  tlsPort: setting('mqtt.tls.port', port, 8883, 'Port of that broker for TLS; open when there is a certificate'),
  tlsCertFile: setting('mqtt.tls.cert_file', file, null, 'PEM certificate of that port'),
  tlsKeyFile: setting('mqtt.tls.key_file', file, null, 'PEM key of that certificate'),
  clientsMax: setting('mqtt.max_clients', count(100_000), brokerLimits.clientsMax, 'Clients of that broker at once'),
  clientRate: setting(
    'mqtt.max_messages_per_client_second',
    count(1_000_000),
    brokerLimits.messagesPerClientSecond,
    'A client of that broker that sends more waits',
  ),
  retainedMax: setting(
    'mqtt.max_retained',
    count(10_000_000),
    brokerLimits.retainedMax,
    'Retained messages of a tenant; further ones are delivered and not kept',
  ),
  rawRetentionMs: setting(
    'process_monitor.real_time_monitoring.raw_retention',
    durationMs,
    '48h',
    'Life of raw seconds; older readings are refused',
  ),
  seriesPerSourceMax: setting('mqtt.max_series', count(10_000_000), 100_000, 'Series of one source'),
  seriesPerTenantMax: setting('mqtt.max_series_per_tenant', count(10_000_000), 200_000, 'Series of all its sources'),
  instance: setting(
    'mqtt.instance',
    z.string().min(1).max(100).nullable(),
    null,
    'Name of this instance, no other one has it, the same after a restart; else made of its host name',
  ),
} as const

export interface MqttConfig {
  /** Null without the embedded broker. */
  readonly broker: EmbeddedBrokerConfig | null
  readonly bounds: TimeBounds
  readonly series: { readonly perSourceMax: number; readonly perTenantMax: number }
  /** Name of this instance among others, the same after a restart. */
  readonly instance: string
  /** Name of this process: for leases, and for what it is the source of. */
  readonly owner: string
}

/** How far a device's clock may be ahead of ours. */
const AHEAD_MS_MAX = 10 * 60_000

/** Errors: `config_invalid`. */
export function readMqttConfig(source: SettingsSource): MqttConfig {
  const settings = readSettings(source, mqttSettings)
  const { tlsCertFile: certFile, tlsKeyFile: keyFile } = settings
  if ((certFile === null) !== (keyFile === null)) {
    throw new AppError('config_invalid', 'mqtt.tls: cert_file and key_file go together')
  }
  const instance = settings.instance ?? `mqtt@${hostname()}`
  const broker: EmbeddedBrokerConfig = {
    bind: settings.bind,
    port: settings.port,
    tls: certFile === null || keyFile === null ? null : { port: settings.tlsPort, certFile, keyFile },
    anonymous: settings.anonymous,
    limits: {
      clientsMax: settings.clientsMax,
      messagesPerClientSecond: settings.clientRate,
      retainedMax: settings.retainedMax,
    },
  }
  return Object.freeze({
    broker: settings.embedded ? broker : null,
    bounds: { ageMsMax: settings.rawRetentionMs, aheadMsMax: AHEAD_MS_MAX },
    series: { perSourceMax: settings.seriesPerSourceMax, perTenantMax: settings.seriesPerTenantMax },
    instance,
    owner: `${instance}/${process.pid}`,
  })
}
