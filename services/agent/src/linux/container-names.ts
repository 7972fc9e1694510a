import { readdirSync, readFileSync } from 'node:fs'

/** Names of containers by id, from what container engines leave on the host. */
export interface ContainerNames {
  /** Name, else image, else empty: an id is never a name. Asks the Docker socket in the background if need be. */
  nameOf(id: string): string
}

const REFRESH_MS = 10_000
const IDS_MAX = 8192
const ANSWER_BYTES_MAX = 1024 * 1024
const ANSWER_MS_MAX = 2000

/** `hostRoot` is where the host's files are seen: empty, or a mount such as `/host`. */
export function createContainerNames(hostRoot: string, nowMs: () => number): ContainerNames {
  const names = new Map<string, string>()
  const askedAtMs = new Map<string, number>()

  const find = (id: string): string =>
    fromDocker(hostRoot, id) || fromKubernetes(hostRoot, id) || fromPodman(hostRoot, id)

  return {
    nameOf: (id) => {
      const known = names.get(id)
      if (known !== undefined) return known
      if (nowMs() - (askedAtMs.get(id) ?? Number.NEGATIVE_INFINITY) < REFRESH_MS) return ''
      if (askedAtMs.size >= IDS_MAX) {
        // Old containers make room; those alive are found again.
        askedAtMs.clear()
        names.clear()
      }
      askedAtMs.set(id, nowMs())
      const found = find(id)
      if (found !== '') names.set(id, found)
      else void askDocker(hostRoot, id).then((name) => name !== '' && names.set(id, name))
      return found
    },
  }
}

interface DockerContainer {
  readonly Name?: unknown
  readonly Config?: { readonly Image?: unknown }
}

function nameOfDocker(json: string): string {
  const container = JSON.parse(json) as DockerContainer
  const name = typeof container.Name === 'string' ? container.Name.replace(/^\//, '') : ''
  const image = typeof container.Config?.Image === 'string' ? container.Config.Image : ''
  // `docker run image` without a name makes one up at random, but it is what people see; images by digest say nothing.
  return name || (/^sha256:|^[0-9a-f]{12,64}$/.test(image) ? '' : image)
}

function fromDocker(hostRoot: string, id: string): string {
  return quietly(() => nameOfDocker(readFileSync(`${hostRoot}/var/lib/docker/containers/${id}/config.v2.json`, 'utf8')))
}

/** Kubelet links `<pod>_<namespace>_<container>-<id>.log`. */
function fromKubernetes(hostRoot: string, id: string): string {
  return quietly(() => {
    const file = readdirSync(`${hostRoot}/var/log/containers`).find((name) => name.endsWith(`-${id}.log`))
    return file === undefined ? '' : kubernetesName(file.slice(0, -`-${id}.log`.length))
  })
}

/** Of deployments and cron jobs, of daemon sets and jobs (from Kubernetes' alphabet without vowels), of stateful sets. */
const RANDOM_SUFFIX = /-(?:[0-9a-f]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}|[bcdfghjklmnpqrstvwxz2456789]{5}|\d{1,4})$/

/**
 * Pods of a deployment come and go under random names; workload and container stay: `payments-api` and its container
 * `app` are `payments-api/app`.
 */
export function kubernetesName(linkName: string): string {
  const [pod = '', , container = ''] = linkName.split('_')
  const workload = pod.replace(RANDOM_SUFFIX, '')
  return workload === container || container === '' ? workload : `${workload}/${container}`
}

interface PodmanContainer {
  readonly id?: unknown
  readonly names?: unknown
}

function fromPodman(hostRoot: string, id: string): string {
  return quietly(() => {
    const file = `${hostRoot}/var/lib/containers/storage/overlay-containers/containers.json`
    const all = JSON.parse(readFileSync(file, 'utf8')) as readonly PodmanContainer[]
    const found = all.find((each) => each.id === id)
    const name: unknown = Array.isArray(found?.names) ? found.names[0] : ''
    return typeof name === 'string' ? name : ''
  })
}

function quietly(read: () => string): string {
  try {
    return read()
  } catch {
    // Not this engine, or not allowed: another source may know the name.
    return ''
  }
}

/** Asks the engine itself where its files are closed to the agent but its socket is open. */
async function askDocker(hostRoot: string, id: string): Promise<string> {
  const { request } = await import('node:http')
  return new Promise((resolve) => {
    const asked = request(
      { socketPath: `${hostRoot}/var/run/docker.sock`, path: `/containers/${id}/json`, timeout: ANSWER_MS_MAX },
      (answer) => {
        const chunks: Buffer[] = []
        let bytes = 0
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > ANSWER_BYTES_MAX) asked.destroy()
          else chunks.push(chunk)
        })
        answer.on('end', () => resolve(quietly(() => nameOfDocker(Buffer.concat(chunks).toString('utf8')))))
        answer.on('error', () => resolve(''))
      },
    )
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => resolve(''))
    asked.end()
  })
}
