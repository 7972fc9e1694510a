import type { SeverityName } from '@driftline/platform/metadata/tables'
import { createGlob } from '@driftline/proto/expressions/glob'

/** Which anomalies make an alert, and where it goes. */
export interface AlertRule {
  readonly name: string
  readonly severity: SeverityName
  /** Types of anomaly; null for all. */
  readonly types: readonly string[] | null
  /** Globs of process ids; null for all. */
  readonly processes: readonly string[] | null
  /** Names of channels; null for all. */
  readonly channels: readonly string[] | null
  /** Kept for escalation. */
  readonly escalationMs: number | null
}

/** What the rules say of an anomaly. */
export interface RuleMatch {
  /** Name of the first rule that matches. */
  readonly rule: string
  /** Names of the channels of all rules that match; null for all. */
  readonly channels: readonly string[] | null
}

/** Rule of an alert that somebody asked for; no configured rule has this name. */
export const REQUESTED_RULE = 'requested'

export interface RuleSubject {
  readonly severity: SeverityName
  readonly type: string
  readonly process: string
}

/** Null when no rule matches: the anomaly makes no alert. */
export function matchRules(rules: readonly AlertRule[], subject: RuleSubject): RuleMatch | null {
  const matching = rules.filter((rule) => matches(rule, subject))
  const [first] = matching
  if (first === undefined) return null
  const toAll = matching.some(({ channels }) => channels === null)
  return {
    rule: first.name,
    channels: toAll ? null : [...new Set(matching.flatMap(({ channels }) => channels ?? []))],
  }
}

function matches({ severity, types, processes }: AlertRule, subject: RuleSubject): boolean {
  return (
    severity === subject.severity &&
    (types === null || types.includes(subject.type)) &&
    (processes === null || processes.some((glob) => createGlob(glob)(subject.process)))
  )
}

const ranks: Record<SeverityName, number> = { info: 1, warning: 2, critical: 3 }

export function isWorse(severity: SeverityName, than: SeverityName): boolean {
  return ranks[severity] > ranks[than]
}
