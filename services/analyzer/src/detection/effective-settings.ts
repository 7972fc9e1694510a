import type { ExpressionRule, Threshold } from '@driftline/proto'

/** What holds for one process: its own settings over those of the installation. */
export interface EffectiveSettings {
  readonly enabled: boolean
  readonly disabledTypes: ReadonlySet<string>
  readonly degradationShare: number
  readonly errorSpikeMultiple: number
  readonly exhaustionShare: number
  readonly sensitivity: number
  readonly thresholds: readonly Threshold[]
  readonly expressions: readonly ExpressionRule[]
}
