import { AnomalyPhase, Severity } from '@driftline/proto'
import { expect, it } from 'vitest'
import { findingOf } from './finding.ts'
import { anomalyOf, TENANT } from './testing/alerter-test-kit.ts'

it.each([
  ['no severity', { severity: Severity.UNSPECIFIED }, 'severity_unknown'],
  ['no phase', { phase: AnomalyPhase.UNSPECIFIED }, 'phase_unknown'],
  ['no id', { id: '' }, 'name_invalid'],
  ['NUL in its process', { process: 'os:h:\0' }, 'name_invalid'],
  ['a long type', { type: 'x'.repeat(1001) }, 'name_invalid'],
  ['names that no index holds', { process: 'x'.repeat(1000), type: 'y'.repeat(1000) }, 'name_invalid'],
  ['an id that no index holds', { id: '漢'.repeat(700) }, 'name_invalid'],
])('an anomaly with %s makes no alert', (_, changes, reason) => {
  expect(findingOf(anomalyOf(changes), TENANT, 1)).toMatchObject({ kind: 'dead-letter', reason })
})

it('an anomaly makes an alert without the NULs of its words', () => {
  const verdict = findingOf(anomalyOf({ description: 'a\0b', process: `os:h:${'x'.repeat(990)}` }), TENANT, 7)
  expect(verdict).toMatchObject({ kind: 'emit', value: { finding: { description: 'ab', storedAtMs: 7 } } })
})
