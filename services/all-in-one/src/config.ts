import { agentSettings, readAgentConfig } from '@driftline/agent/config'
import { alerterSettings, readAlerterConfig } from '@driftline/alerter/config'
import { analyzerSettings, readAnalyzerConfig } from '@driftline/analyzer/config'
import { checkerSettings, readCheckerConfig } from '@driftline/checker/config'
import { fileFlowSettings, readFileFlows } from '@driftline/checks/file-flows'
import { accountSettings, gatewaySettings, readGatewayConfig } from '@driftline/gateway/config'
import { fileSourceSettings, readFileSources } from '@driftline/ingest/file-sources'
import { intakeSettings, readIntakeConfig } from '@driftline/intake/config'
import { mqttSettings, readMqttConfig } from '@driftline/mqtt/config'
import { engineSettings, readEnginesConfig } from '@driftline/platform/engines'
import { serviceSettings } from '@driftline/platform/run-service'
import {
  readSettings,
  readTogether,
  refuseUnknownKeys,
  type SettingsSource,
  type SettingsSpec,
  setting,
} from '@driftline/platform/settings'
import { flag } from '@driftline/platform/units'
import { readTailerConfig, tailerSettings } from '@driftline/tailer/config'
import { readWriterConfig, writerSettings } from '@driftline/writer/config'
import { processMonitorSettings } from './process-monitor-settings.ts'

const allInOneSettings = {
  ...accountSettings,
  monitoringEnabled: setting('process_monitor.real_time_monitoring.enabled', flag, true, 'Watch this machine'),
  stopWithParent: setting('stop_with_parent', flag, false, 'Stop when the process that started this one is gone'),
}

/** Every setting of the product, in the order in which people read about them. */
export const settingsSections: readonly { readonly title: string; readonly spec: SettingsSpec }[] = [
  { title: 'Start', spec: { ...allInOneSettings, ...serviceSettings } },
  { title: 'Gateway: web app, API, live channel', spec: gatewaySettings },
  { title: 'Intake: the door for agents', spec: intakeSettings },
  { title: 'Sources', spec: fileSourceSettings },
  { title: 'MQTT: sources and the embedded broker', spec: mqttSettings },
  { title: 'Tailer: log files and syslog', spec: tailerSettings },
  { title: 'Checker: flows and polls', spec: { ...fileFlowSettings, ...checkerSettings } },
  { title: 'Engines and retention', spec: engineSettings },
  { title: 'Agent', spec: agentSettings },
  { title: 'Writer', spec: writerSettings },
  { title: 'Analyzer', spec: analyzerSettings },
  { title: 'Alerter', spec: alerterSettings },
  {
    title: 'Detection and analytics: accepted and checked, without effect yet',
    spec: processMonitorSettings,
  },
]

export type AllInOneConfig = ReturnType<typeof readAllInOneConfig>

/** Reads the settings of every component and reports all problems together. Errors: `config_invalid`. */
export function readAllInOneConfig(source: SettingsSource, options: { readonly migrationsDir: string }) {
  const known = settingsSections.flatMap(({ spec }) => Object.values(spec).map(({ key }) => key))
  return readTogether({
    knownKeys: () => refuseUnknownKeys(source, known),
    common: () => readSettings(source, { ...allInOneSettings, ...serviceSettings }),
    engines: () => readEnginesConfig(source, options),
    agent: () => readAgentConfig(source),
    alerter: () => readAlerterConfig(source),
    analyzer: () => readAnalyzerConfig(source),
    checker: () => readCheckerConfig(source),
    flows: () => readFileFlows(source),
    gateway: () => readGatewayConfig(source),
    intake: () => readIntakeConfig(source),
    mqtt: () => readMqttConfig(source),
    tailer: () => readTailerConfig(source),
    sources: () => readFileSources(source),
    writer: () => readWriterConfig(source),
    processMonitor: () => readSettings(source, processMonitorSettings),
  })
}
