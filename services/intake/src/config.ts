import { hostname } from 'node:os'
import { AppError } from '@driftline/platform/errors'
import type { GrpcTlsConfig } from '@driftline/platform/grpc/grpc-server'
import { readSettings, type SettingsSource, setting } from '@driftline/platform/settings'
import { count, durationMs, port } from '@driftline/platform/units'
import { z } from 'zod'
import { defaultLimits, type IntakeLimits } from './limits.ts'
import { type PushConfig, pushDefaults } from './push/push-config.ts'

const file = z.string().nullable()

export const intakeSettings = {
  bind: setting('bind', z.string().min(1), '127.0.0.1', 'Address to listen on'),
  grpcPort: setting('grpc_port', port, 8090, 'Port for agents; 0 picks a free one'),
  tlsCertFile: setting(
    'grpc_tls.cert_file',
    file,
    null,
    'PEM certificate of the gRPC ports; without one, no encryption',
  ),
  tlsKeyFile: setting('grpc_tls.key_file', file, null, 'PEM key of that certificate'),
  tlsClientCaFile: setting(
    'grpc_tls.client_ca_file',
    file,
    null,
    'PEM authority; with it agents must show a certificate beside their key',
  ),
  httpPort: setting(
    'intake.http_port',
    port,
    8092,
    'Port for pushed metrics, records and logs where the intake runs apart; in one process they come to `http_port`',
  ),
  httpTlsCertFile: setting('tls.cert_file', file, null, 'PEM certificate; without one, no encryption'),
  httpTlsKeyFile: setting('tls.key_file', file, null, 'PEM key of that certificate'),
  rawRetentionMs: setting(
    'process_monitor.real_time_monitoring.raw_retention',
    durationMs,
    '48h',
    'Life of raw seconds; older readings are refused',
  ),
  instance: setting(
    'intake.instance',
    z.string().min(1).nullable(),
    null,
    'Name of this instance, no other one has it; else made of its host name and process id',
  ),
  streamsMax: setting('intake.max_streams', count(100_000), 5000, 'Agents connected at once'),
  window: setting('intake.window', count(1024), 32, 'Batches an agent may send before an acknowledgement'),
  seriesMax: setting('intake.max_series', count(10_000_000), defaultLimits.seriesMax, 'Series of one agent'),
  pushSeriesMax: setting(
    'intake.push.max_series',
    count(10_000_000),
    pushDefaults.seriesPerTenantMax,
    'Series that a tenant may push; one key through one door has at most two thirds of them',
  ),
  pushBytesMax: setting(
    'intake.push.max_bytes_in_flight',
    count(16 * 1024 ** 3),
    pushDefaults.bytesInFlightMax,
    'Bytes of pushed requests that are not answered yet; beyond it senders are asked to come back',
  ),
} as const

/** The HTTP server of an intake that runs apart. */
export interface PushServerConfig {
  readonly bind: string
  readonly port: number
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null
}

export interface IntakeConfig extends AgentDoorConfig {
  readonly push: PushConfig
  readonly pushServer: PushServerConfig
}

/** The gRPC door. */
export interface AgentDoorConfig {
  readonly bind: string
  readonly grpcPort: number
  readonly tls: GrpcTlsConfig | null
  /** Name of this instance among others, for leases and for what it is the source of. */
  readonly instance: string
  readonly limits: IntakeLimits
  readonly streamsMax: number
  readonly window: number
}

/** Errors: `config_invalid`. */
export function readIntakeConfig(source: SettingsSource): IntakeConfig {
  const settings = readSettings(source, intakeSettings)
  const { tlsCertFile: certFile, tlsKeyFile: keyFile, tlsClientCaFile: clientCaFile } = settings
  if ((certFile === null) !== (keyFile === null)) {
    throw new AppError('config_invalid', 'grpc_tls: cert_file and key_file go together')
  }
  if (clientCaFile !== null && certFile === null) {
    throw new AppError('config_invalid', 'grpc_tls: client_ca_file needs cert_file and key_file')
  }
  const { httpTlsCertFile, httpTlsKeyFile } = settings
  if ((httpTlsCertFile === null) !== (httpTlsKeyFile === null)) {
    throw new AppError('config_invalid', 'tls: cert_file and key_file go together')
  }
  const httpTls =
    httpTlsCertFile === null || httpTlsKeyFile === null ? null : { certFile: httpTlsCertFile, keyFile: httpTlsKeyFile }
  const instance = settings.instance ?? `intake@${hostname()}/${process.pid}`
  return Object.freeze({
    bind: settings.bind,
    grpcPort: settings.grpcPort,
    tls: certFile === null || keyFile === null ? null : { certFile, keyFile, clientCaFile },
    instance,
    limits: { ...defaultLimits, ageMsMax: settings.rawRetentionMs, seriesMax: settings.seriesMax },
    streamsMax: settings.streamsMax,
    window: settings.window,
    push: {
      ...pushDefaults,
      instance,
      statusInstance: settings.instance ?? `intake@${hostname()}`,
      ageMsMax: settings.rawRetentionMs,
      bytesInFlightMax: settings.pushBytesMax,
      seriesPerTenantMax: settings.pushSeriesMax,
      seriesPerSourceMax: Math.ceil((settings.pushSeriesMax * 2) / 3),
    },
    pushServer: { bind: settings.bind, port: settings.httpPort, tls: httpTls },
  })
}
