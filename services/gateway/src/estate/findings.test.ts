import { describe, expect, it } from 'vitest'
import type { AlertItem, AnomalyItem } from '../schemas/anomalies.ts'
import { createFindings, type Finding, type KnownAlert, worstOf } from './findings.ts'

const LIMITS = { openAnomalies: 3, closedAnomalies: 2, alerts: 2 }

function finding(id: string, revision = 1, changes: Partial<AnomalyItem> = {}): Finding {
  const item: AnomalyItem = {
    id,
    processId: 'os:a:b',
    type: 'error_spike',
    severity: 'warning',
    description: id,
    timestamp: '2026-01-01T00:00:00.000Z',
    endedAt: null,
    metric: null,
    attributes: {},
    unit: '1',
    value: null,
    worstValue: null,
    expected: { low: null, high: null, centre: null },
    score: 0,
    exhaustedAt: null,
    contributions: [],
    metrics: null,
    record: null,
    verdict: null,
    alertId: null,
    ...changes,
  }
  return { item, revision, startMs: 0 }
}

function alert(id: string, version: number, status: AlertItem['status'] = 'open', anomalyIds = ['x']): KnownAlert {
  const item: AlertItem = {
    id,
    anomalyId: anomalyIds[0] ?? '',
    anomalyIds,
    processId: 'os:a:b',
    rule: 'r',
    type: 't',
    severity: 'warning',
    message: '',
    recipients: [],
    timestamp: `2026-01-01T00:00:0${version}.000Z`,
    status,
    acknowledgedAt: null,
    acknowledgedBy: null,
    resolvedAt: null,
    resolvedBy: null,
  }
  return { item, version }
}

const ENDED = { endedAt: '2026-01-01T00:01:00.000Z' }

describe('anomalies', () => {
  it('are what their highest revision says, whatever comes first', () => {
    const findings = createFindings(LIMITS)
    expect(findings.applyAnomaly(finding('a', 3, ENDED))).not.toBeNull()
    expect(findings.applyAnomaly(finding('a', 2))).toBeNull()
    expect(findings.applyAnomaly(finding('a', 3, ENDED))).toBeNull()
    expect(findings.openOf('os:a:b')).toEqual([])
    expect(findings.anomaly('a')?.item.endedAt).toBe(ENDED.endedAt)
  })

  it('are bounded: the oldest go', () => {
    const findings = createFindings(LIMITS)
    for (let index = 0; index < 10; index++) findings.applyAnomaly(finding(`o${index}`))
    for (let index = 0; index < 10; index++) findings.applyAnomaly(finding(`c${index}`, 1, ENDED))
    expect([...findings.anomalies()].map(({ item }) => item.id)).toEqual(['o7', 'o8', 'o9', 'c8', 'c9'])
    expect(findings.openOf('os:a:b')).toHaveLength(3)
  })

  it('keep their verdict and alert through later records', () => {
    const findings = createFindings(LIMITS)
    findings.applyAlert(alert('A', 1, 'open', ['a']))
    findings.applyAnomaly(finding('a'))
    findings.applyVerdict('a', 'noise')
    expect(findings.applyVerdict('nobody', 'noise')).toBeNull()
    findings.applyAnomaly(finding('a', 2))
    expect(findings.anomaly('a')?.item).toMatchObject({ verdict: 'noise', alertId: 'A' })
  })
})

describe('alerts', () => {
  it('are what their highest version says; a resolved one does not come back', () => {
    const findings = createFindings(LIMITS)
    findings.applyAlert(alert('A', 2, 'acknowledged'))
    expect(findings.applyAlert(alert('A', 1))).toBeNull()
    expect(findings.applyAlert(alert('A', 3, 'resolved'))).not.toBeNull()
    expect(findings.applyAlert(alert('A', 2, 'acknowledged'))).toBeNull()
    expect(findings.openAlerts()).toEqual([])
  })

  it('are bounded', () => {
    const findings = createFindings(LIMITS)
    for (let index = 1; index < 6; index++) findings.applyAlert(alert(`A${index}`, index))
    expect(findings.openAlerts().map(({ id }) => id)).toEqual(['A5', 'A4'])
  })
})

describe('the worst', () => {
  it.each([
    ['by severity', [finding('a', 1, { score: 99 }), finding('b', 1, { severity: 'critical' })], 'b'],
    ['then by how far', [finding('a', 1, { score: 5 }), finding('b', 1, { score: -9 })], 'b'],
    ['then the newest', [finding('a'), finding('b', 1, { timestamp: '2027-01-01T00:00:00.000Z' })], 'b'],
  ] as const)('%s', (_, findings, id) => {
    expect(worstOf(findings.map(({ item }) => item))?.id).toBe(id)
    expect(worstOf([...findings].reverse().map(({ item }) => item))?.id).toBe(id)
  })
  it('of nothing is nothing', () => expect(worstOf([])).toBeUndefined())
})
