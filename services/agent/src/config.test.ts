import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readAgentConfig } from './config.ts'

const read = (env: Record<string, string>, yaml: unknown = {}) => readAgentConfig({ env, yaml, file: null })
const problemsOf = (env: Record<string, string>, yaml: unknown = {}): string => {
  try {
    read(env, yaml)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

describe('settings of the agent', () => {
  it('have defaults that work on one machine', () => {
    expect(read({})).toMatchObject({
      server: 'http://127.0.0.1:8090',
      hostName: hostname(),
      intervalMs: 1000,
      spoolBytesMax: 268_435_456,
      reader: 'auto',
      privacy: { excludeNames: [], redactSecrets: true, commandLengthMax: 1024 },
      tls: { authority: null, certificate: null, key: null },
    })
  })

  it('come from variables before the file, and survive a trip as JSON', () => {
    const yaml = {
      agent: { server: 'https://a:1', privacy: { exclude_users: ['ann', 'bob*'] } },
      process_monitor: { real_time_monitoring: { monitoring_interval: '100ms' } },
    }
    const config = read(
      { DRIFTLINE_AGENT_SERVER: 'https://b:2', DRIFTLINE_AGENT_PRIVACY_EXCLUDE_NAMES: 'x, y*,' },
      yaml,
    )
    expect(config).toMatchObject({
      server: 'https://b:2',
      intervalMs: 100,
      privacy: { excludeNames: ['x', 'y*'], excludeUsers: ['ann', 'bob*'] },
    })
    expect(JSON.parse(JSON.stringify(config))).toEqual(config)
  })

  it.each([
    [{ DRIFTLINE_AGENT_SERVER: 'host:8090' }, 'DRIFTLINE_AGENT_SERVER'],
    [{ DRIFTLINE_AGENT_SERVER: 'ftp://host' }, 'DRIFTLINE_AGENT_SERVER'],
    [{ DRIFTLINE_REAL_TIME_MONITORING_MONITORING_INTERVAL: '50ms' }, 'between 100ms and 10m'],
    [{ DRIFTLINE_AGENT_SPOOL_MAX_BYTES: '5' }, 'DRIFTLINE_AGENT_SPOOL_MAX_BYTES'],
    [{ DRIFTLINE_AGENT_PRIVACY_REDACT_SECRETS: 'maybe' }, 'REDACT_SECRETS'],
    [{ DRIFTLINE_AGENT_API_KEY_FILE: '/nonexistent/key' }, 'agent.api_key_file'],
    [{ DRIFTLINE_AGENT_TLS_CERT_FILE: import.meta.filename }, 'needs its key'],
  ])('%j is refused', (env, part) => {
    expect(problemsOf(env as Record<string, string>)).toContain(part)
  })

  it('take the key from a file', () => {
    const directory = mkdtempSync(join(tmpdir(), 'agent-config-'))
    writeFileSync(join(directory, 'key'), 'dl_secret\n')
    expect(read({ DRIFTLINE_AGENT_API_KEY_FILE: join(directory, 'key') }).apiKey).toBe('dl_secret')
    rmSync(directory, { recursive: true })
  })
})
