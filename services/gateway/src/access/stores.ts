import { type CheckQueue, createCheckQueue } from '@driftline/checks/check-queue'
import { createFlowStore, type FlowStore } from '@driftline/checks/flow-store'
import { createNetworkPolicyStore, type NetworkPolicyStore } from '@driftline/checks/network-policy-store'
import { type CredentialStore, createCredentialStore } from '@driftline/checks/vault/credential-store'
import { createSourceAsks, type SourceAsks } from '@driftline/ingest/source-asks'
import { createSourceStore, type SourceStore } from '@driftline/ingest/source-store'
import type { Sealer } from '@driftline/platform/access/sealing'
import type { Clock } from '@driftline/platform/clock'
import type { Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { type ActorNames, createActorNames } from './actor-names.ts'
import { type AlertStore, createAlertStore } from './alerts.ts'
import { type ChannelStore, createChannelStore } from './channels.ts'
import { createDetectionStore, type DetectionStore } from './detection-settings.ts'
import { createProcessSettingsStore, type ProcessSettingsStore } from './process-settings.ts'
import { createVerdictStore, type VerdictStore } from './verdicts.ts'

/** What people decide and set, as it is kept in the metadata store. */
export interface Stores {
  readonly names: ActorNames
  readonly alerts: AlertStore
  readonly verdicts: VerdictStore
  readonly detection: DetectionStore
  readonly processSettings: ProcessSettingsStore
  readonly channels: ChannelStore
  readonly sources: SourceStore
  readonly sourceAsks: SourceAsks
  readonly credentials: CredentialStore
  readonly networkPolicies: NetworkPolicyStore
  readonly flows: FlowStore
  readonly checkQueue: CheckQueue
}

export function createStores(deps: { metadata: Metadata; sealer: Sealer; clock: Clock; logger: Logger }): Stores {
  const names = createActorNames(deps)
  return {
    names,
    alerts: createAlertStore({ ...deps, names }),
    verdicts: createVerdictStore(deps),
    detection: createDetectionStore(deps),
    processSettings: createProcessSettingsStore(deps),
    channels: createChannelStore(deps),
    sources: createSourceStore(deps),
    sourceAsks: createSourceAsks(deps),
    credentials: createCredentialStore(deps),
    networkPolicies: createNetworkPolicyStore(deps),
    flows: createFlowStore(deps),
    checkQueue: createCheckQueue(deps),
  }
}
