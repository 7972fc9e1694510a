import { writeSync } from 'node:fs'
import { type CountingAgentOptions, startCountingAgent } from './counting-agent.ts'

/** The process that a test kills: a counting agent that writes the number of each scan as it begins. */
const options = JSON.parse(process.argv[2] ?? 'null') as CountingAgentOptions
await startCountingAgent({ ...options, onScan: (scan) => void writeSync(1, `scan ${scan}\n`) })
