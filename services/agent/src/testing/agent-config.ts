import type { AgentConfig } from '../config.ts'
import { privacyDefaults } from '../privacy.ts'

/** A configuration for tests: five scans per second of this machine. */
export function agentConfigFor(server: string, spoolDir: string, changes: Partial<AgentConfig> = {}): AgentConfig {
  return {
    server,
    apiKey: 'key-of-test',
    hostName: 'test-host',
    spoolDir,
    spoolBytesMax: 64 * 1024 * 1024,
    intervalMs: 200,
    reader: 'auto',
    procRoot: '/proc',
    hostRoot: '',
    tls: { authority: null, certificate: null, key: null },
    privacy: privacyDefaults,
    logLevel: 'fatal',
    ...changes,
  }
}
