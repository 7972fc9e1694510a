import type { HostDescription } from '../../api/types.ts'

/** `Ubuntu 24.04`; agents that cannot tell leave parts out, the kernel is always known. */
export function osWords(facts: HostDescription): string {
  return `${facts.osName} ${facts.osVersion}`.trim() || facts.kernel
}
