import type { Clock } from '@driftline/platform/clock'
import type { AgentConfig } from './config.ts'
import { createLinuxReader } from './linux/reader.ts'
import { createPortableReader } from './portable/reader.ts'
import type { Describe } from './privacy.ts'
import type { ProcessReader } from './reader.ts'

export interface ReaderDeps {
  readonly describe: Describe
  readonly clock: Clock
  readonly bootTimeMs: number | null
}

/** The reader for this platform, or the one that the settings name. */
export async function createReader(
  config: Pick<AgentConfig, 'reader' | 'procRoot' | 'hostRoot'>,
  { describe, clock, bootTimeMs }: ReaderDeps,
): Promise<ProcessReader> {
  if (config.reader === 'proc' || (config.reader === 'auto' && process.platform === 'linux')) {
    const { procRoot, hostRoot } = config
    return createLinuxReader({ procRoot, hostRoot, bootTimeMs }, { describe, clock })
  }
  return createPortableReader({ describe })
}
