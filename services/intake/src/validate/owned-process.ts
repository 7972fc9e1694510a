import { escapeName } from '@driftline/proto'

const REST = /^(?:[A-Za-z0-9._:-]|~[0-9a-f]{2}){1,400}$/

/** Whether a process id belongs to a host: `host:<host>`, or `os:<host>:` and names as `escapeName` writes them. */
export function createOwnership(host: string): (process: string) => boolean {
  const name = escapeName(host)
  const itself = `host:${name}`
  const prefix = `os:${name}:`
  return (process) => process === itself || (process.startsWith(prefix) && REST.test(process.slice(prefix.length)))
}
