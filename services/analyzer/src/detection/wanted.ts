import type { Core } from './engine-core.ts'

/** Whether settings ask for anomalies of a type of a process. */
export function isWanted(core: Core, type: string, process: number): boolean {
  const { enabled, disabledTypes } = core.lookup.of(process, core.judged.startMs)
  return enabled && !disabledTypes.has(type)
}
