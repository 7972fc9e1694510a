import type { Metafile } from 'esbuild'

/** Builds the agent as one file; `outfile` is `dist/driftline-agent.mjs` of this package unless told otherwise. */
export function buildAgent(options?: { outfile?: string }): Promise<Metafile>
