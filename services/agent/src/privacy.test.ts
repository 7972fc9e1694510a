import { describe, expect, it } from 'vitest'
import type { RawIdentity } from './groups.ts'
import { createDescribe, privacyDefaults } from './privacy.ts'

const raw: RawIdentity = {
  pid: 7,
  parentPid: 1,
  name: 'app',
  args: ['/opt/app', '--verbose', '/data/customer-4711'],
  executable: '/opt/app',
  user: 'shop',
  unit: '',
  container: '',
  kernelThread: false,
}
const describeWith = (changes: Partial<typeof privacyDefaults>) =>
  createDescribe({ ...privacyDefaults, ...changes }, (group) => `os:h:${group}`)

describe('privacy', () => {
  it.each([
    ['name', { excludeNames: ['app'] }],
    ['name by glob', { excludeNames: ['a?p*'] }],
    ['user', { excludeUsers: ['sh*'] }],
    ['command anywhere', { excludeCommands: ['customer-*'] }],
  ])('excludes by %s', (_, changes) => {
    expect(describeWith(changes)(raw)).toBeNull()
  })

  it.each([
    ['another name', { excludeNames: ['ap', 'pp', 'App'] }],
    ['another user', { excludeUsers: ['shopping', ''] }],
    ['another command', { excludeCommands: ['customer-?-'] }],
  ])('keeps %s', (_, changes) => {
    expect(describeWith(changes)(raw)?.command).toBe('/opt/app --verbose /data/customer-4711')
  })

  it.each([
    ['name', { redactNames: ['app'] }],
    ['user', { redactUsers: ['shop'] }],
    ['command', { redactCommands: ['/data/'] }],
  ])('redacts all arguments by %s', (_, changes) => {
    expect(describeWith(changes)(raw)?.command).toBe('/opt/app [redacted]')
  })

  it('redacts chosen arguments, and never the program', () => {
    expect(describeWith({ redactArguments: ['/data/*', '/opt/*'] })(raw)?.command).toBe('/opt/app --verbose [redacted]')
  })

  it('names a group only by what is left after redaction', () => {
    const script = { ...raw, executable: '/usr/bin/bash', args: ['bash', '/home/ann/secret-plan.sh'] }
    expect(describeWith({ redactArguments: ['/home/*'] })(script)?.group).toBe('os:h:[redacted]')
    expect(describeWith({})(script)?.group).toBe('os:h:secret-plan.sh')
  })

  it('cuts long command lines, between characters', () => {
    const long = describeWith({ commandLengthMax: 20 })({ ...raw, args: ['x'.repeat(18), '\u{1f600}\u{1f600}'] })
    expect(long?.command).toBe(`${'x'.repeat(18)} …`)
    expect(describeWith({})({ ...raw, args: ['a'.repeat(100_000)] })?.command.length).toBe(1024)
  })

  it('completes names that the kernel cut', () => {
    const cut = { ...raw, name: 'prometheus-node', executable: '/usr/bin/prometheus-node-exporter' }
    expect(describeWith({})(cut)?.name).toBe('prometheus-node-exporter')
  })

  it('needs time that grows with the text only, whatever the pattern', () => {
    const hostile = describeWith({ excludeCommands: ['*a*a*a*a*a*a*a*a*a*b'] })
    const startedAt = performance.now()
    hostile({ ...raw, args: ['a'.repeat(4000)] })
    expect(performance.now() - startedAt).toBeLessThan(1000)
  })
})
