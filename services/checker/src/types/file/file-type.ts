import type { FileConfig } from '@driftline/checks/types/stores'
import type { Json } from '@driftline/platform/metadata/tables'
import {
  type CheckAnswer,
  type CheckContext,
  CheckFailure,
  type CheckTools,
  type CreateCheckType,
} from '../../check-type.ts'
import { createJsonPaths, type JsonPaths } from '../../facts/json-path.ts'
import { createTimeLimit } from '../../facts/time-limit.ts'
import type { OpenCredential } from '../../vault/credentials.ts'
import { findLocal } from './local.ts'
import { findS3 } from './s3.ts'
import { findSftp } from './sftp.ts'
import { type FoundFiles, lineOf, readWhole, sha256Of } from './store.ts'

const PATH_TIME_MS = 500
const SFTP_PORT = 22

/** A file or an object: whether it is there, how old, how large, and what is in it. Bytes are read when asked for. */
export const createFileType: CreateCheckType<'file'> = (tools) => {
  const paths = createJsonPaths({ limit: createTimeLimit(PATH_TIME_MS) })
  return {
    name: 'file',
    async run(config, context) {
      const { files, leave } = await find(config, tools, context)
      const { file } = files
      const what = file === null ? 'nothing' : `${file.name}, ${file.size} bytes`
      context.log(files.count > 1 ? `found ${files.count} files, the newest is ${what}` : `found ${what}`)
      return answerOf(files, config, { paths, nowMs: tools.clock.nowMs(), leave })
    },
  }
}

interface Found {
  readonly files: FoundFiles
  leave(): void
}

async function find(config: FileConfig, tools: CheckTools, context: CheckContext): Promise<Found> {
  const url = readUrl(config.url)
  const { tenant, signal } = context
  const open = (name: string, host: string): Promise<OpenCredential> =>
    tools.credentials.open(name, { tenant, host, signal, secret: (text) => context.secret(text) })
  if (url.scheme === 'file') {
    return { files: await findLocal(url.path, tools.files.allowedRoots, signal), leave: () => {} }
  }
  if (url.scheme === 's3') {
    const endpoint = endpointOf(config)
    const credential = config.credential === undefined ? null : await open(config.credential, endpoint.hostname)
    expectKind(credential, ['s3'])
    const key = url.path.slice(1)
    if (url.host === '' || key === '') throw invalid('The URL of an object is s3://bucket/key')
    const base = endpoint.href.replace(/\/+$/, '')
    const target = { endpoint: base, region: config.region, bucket: url.host, key, credential }
    return { files: await findS3(target, tools, context), leave: () => {} }
  }
  if (config.credential === undefined) throw invalid('SFTP needs a credential with user name and password or key')
  if (url.host === '') throw invalid('The URL of SFTP is sftp://host:22/path')
  const credential = await open(config.credential, url.host)
  expectKind(credential, ['basic', 'ssh_key'])
  const hostKey = config.hostKey ?? credential.fields['hostKey'] ?? ''
  const leave = await tools.limits.enter(tenant, url.host, signal, url.port)
  try {
    const socket = await tools.guard.connect(tenant, url.host, url.port, signal)
    return { files: await findSftp({ ...url, hostKey, credential }, socket, signal), leave }
  } catch (error) {
    leave()
    throw error
  }
}

interface FileUrl {
  readonly scheme: 'file' | 's3' | 'sftp'
  readonly host: string
  readonly port: number
  /** Begins with `/`; decoded, so that `%2A` is a star of the name's own for nobody. */
  readonly path: string
}

/** Not by the standard parser, which takes `..` away before anybody has looked at it. */
export function readUrl(url: string): FileUrl {
  const parts = /^(file|s3|sftp):\/\/([^/?#]*)(\/.*)?$/is.exec(url)
  const scheme = parts?.[1]?.toLowerCase() as FileUrl['scheme'] | undefined
  if (parts === null || scheme === undefined) throw invalid('The URL begins with file://, s3:// or sftp://')
  const authority = parts[2]!
  if (authority.includes('@')) {
    throw invalid('The URL holds a user name; put it into a credential under Settings, Credentials')
  }
  const place = /^(\[[^\]]+\]|[^:]*)(?::(\d{1,5}))?$/.exec(authority)
  if (place === null) throw invalid('The host of the URL cannot be read')
  const host = place[1]!.replace(/^\[|\]$/g, '')
  if (scheme === 'file' && host !== '' && host !== 'localhost') throw invalid('The URL of a file is file:///path')
  let path: string
  try {
    path = decodeURIComponent(parts[3] ?? '/')
  } catch {
    throw invalid('The URL holds a % that does not begin an escape')
  }
  if (path.lastIndexOf('*') >= 0 && path.slice(0, path.lastIndexOf('/')).includes('*')) {
    throw invalid('A * may stand in the last part of the path only')
  }
  return { scheme, host, port: place[2] === undefined ? SFTP_PORT : Number(place[2]), path }
}

function endpointOf({ endpoint, region }: FileConfig): URL {
  const text = endpoint ?? `https://s3.${region}.amazonaws.com`
  if (!URL.canParse(text)) throw invalid('The endpoint cannot be read; it has the form https://host')
  const url = new URL(text)
  if (!/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '') {
    throw invalid('The endpoint is an address of http or https without user name and query')
  }
  return url
}

function expectKind(credential: OpenCredential | null, kinds: readonly string[]): void {
  if (credential === null || kinds.includes(credential.kind)) return
  throw invalid(`This takes a credential of the kind ${kinds.join(' or ')}, not ${credential.kind}`)
}

function answerOf(
  { count, file, close }: FoundFiles,
  { bytesMax, url, assertions }: FileConfig,
  { paths, nowMs, leave }: { paths: JsonPaths; nowMs: number; leave(): void },
): CheckAnswer {
  const age = file === null || Number.isNaN(file.modifiedMs) ? undefined : (nowMs - file.modifiedMs) / 1000
  const read = new Map<string, Promise<Json>>()
  /** Two assertions about the same bytes read them once. */
  const once = (name: string, make: () => Promise<Json>): Promise<Json> => {
    const known = read.get(name) ?? make()
    read.set(name, known)
    return known
  }
  return {
    fact(of, path) {
      if (of === 'exists') return file !== null
      if (of === 'count') return count
      if (file === null) return undefined
      const content = (): Promise<Json> =>
        once('content', async () => (await readWhole(file, bytesMax)).toString('utf8'))
      switch (of) {
        case 'name':
          return file.name
        case 'size':
          return file.size
        case 'age':
          return age
        case 'sha256':
          return once('sha256', () => sha256Of(file, bytesMax))
        case 'content':
          return content()
        case 'json':
          return once('json', async () => parseJson(file.name, (await content()) as string)).then((document) =>
            path === undefined ? document : paths.find(path, document),
          )
        case 'line':
          return lineOf(file, lineNumber(path), bytesMax)
        default:
          return undefined
      }
    },
    result: {
      exists: file !== null,
      count,
      ...(file === null
        ? {}
        : { name: file.name.slice(0, 300), size: file.size, ageSeconds: age === undefined ? null : Math.round(age) }),
    },
    // Who asserts how many there are has said what is right.
    faults:
      file !== null || assertions.some(({ of }) => of === 'count') ? [] : [{ of: 'exists', failure: missing(url) }],
    async close() {
      await close()
      leave()
    },
  }
}

function missing(url: string): CheckFailure {
  const what = url.includes('*') ? 'No file matches' : 'There is no file'
  return new CheckFailure('file_missing', `${what} ${url.slice(0, 300)}`, {
    hint: 'See whether what writes it has run; if it need not be there, let the step assert that it is missing',
  })
}

function parseJson(name: string, text: string): Json {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, '')) as Json
  } catch {
    throw new CheckFailure('answer_invalid', `${name} is not JSON`, {
      hint: 'Look at its content or its lines instead',
    })
  }
}

function lineNumber(path: string | undefined): number | 'last' {
  if (path === undefined || path === 'last') return 'last'
  const number = Number(path)
  if (Number.isInteger(number) && number >= 1) return number
  throw invalid(`A line is named by its number from 1, or "last", not "${path.slice(0, 40)}"`)
}

function invalid(message: string): CheckFailure {
  return new CheckFailure('config_invalid', message, { hint: 'Edit the step', retry: 'never' })
}
