// The thread of reports when it runs from source: the flag `--import` does not reach a thread's entry on Node.js 20.
import { register } from 'tsx/esm/api'

register()
await import('./pdf-worker.ts')
