/** What the cgroup path of a process says about where it runs. */
export interface CgroupPlace {
  /** Service unit without `.service`; empty if there is none or it says nothing. */
  readonly unit: string
  /** Id of a container, 64 hex digits; empty outside of containers. */
  readonly containerId: string
  /** Name of a container whose cgroup carries its name (LXC, systemd-nspawn); else empty. */
  readonly containerName: string
}

const NOWHERE: CgroupPlace = { unit: '', containerId: '', containerName: '' }
const CONTAINER_ID = /(?:^|[-_:/])([0-9a-f]{64})(?:\.scope)?$/
const LXC = /^lxc(?:\.payload)?[./]([^/]+)/
/** Units whose instance is a connection, a user or a random number: the template alone says what runs. */
const FLEETING_INSTANCE = /^(?:\d+(?:-.*:\d+.*)?|[0-9a-f-]{16,})$/

/**
 * Reads `/proc/<pid>/cgroup`: the unified hierarchy (`0::/path`), else systemd's own, else the first that names more
 * than the root.
 */
export function parseCgroup(text: string): CgroupPlace {
  let best = ''
  let bestRank = -1
  for (const line of text.split('\n')) {
    const [id = '', controllers = '', ...rest] = line.split(':')
    const path = rest.join(':')
    if (path === '' || path === '/') continue
    const rank = id === '0' ? 2 : controllers === 'name=systemd' ? 1 : 0
    if (rank > bestRank) {
      best = path
      bestRank = rank
    }
  }
  return bestRank < 0 ? NOWHERE : placeOf(best)
}

function placeOf(path: string): CgroupPlace {
  const parts = path.split('/').filter((part) => part !== '')
  for (const part of [...parts].reverse()) {
    const id = CONTAINER_ID.exec(part)?.[1]
    if (id !== undefined) return { ...NOWHERE, containerId: id }
  }
  const lxc = LXC.exec(parts.join('/'))?.[1]
  if (lxc !== undefined) return { ...NOWHERE, containerName: lxc }
  const nspawn = parts.find((part) => part.startsWith('systemd-nspawn@') && part.endsWith('.service'))
  if (nspawn !== undefined) return { ...NOWHERE, containerName: unescapeUnit(nspawn.slice(15, -8)) }
  return { ...NOWHERE, unit: unitOf(parts) }
}

/** The innermost service. User managers and transient `run-...` units hold whatever a person started: no identity. */
function unitOf(parts: readonly string[]): string {
  for (const part of [...parts].reverse()) {
    if (!part.endsWith('.service')) continue
    const name = unescapeUnit(part.slice(0, -'.service'.length))
    if (name.startsWith('user@') || /^run-[rpu]?[0-9a-f-]+$/.test(name)) return ''
    const [template = '', instance] = name.split(/@(.*)/s)
    return instance !== undefined && FLEETING_INSTANCE.test(instance) ? template : name
  }
  return ''
}

/** systemd writes `-` inside names as `\x2d` (systemd.unit(5)). */
function unescapeUnit(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
