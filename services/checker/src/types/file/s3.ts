import { AwsV4Signer } from 'aws4fetch'
import { type CheckContext, CheckFailure, type CheckTools } from '../../check-type.ts'
import type { HttpAnswer } from '../../net/guarded-http.ts'
import type { OpenCredential } from '../../vault/credentials.ts'
import { type FoundFile, type FoundFiles, matchesName, NAMES_MAX, splitLast, tooManyNames } from './store.ts'
import { readFields, readTags } from './xml.ts'

export interface S3Target {
  /** Without a slash at the end. */
  readonly endpoint: string
  readonly region: string
  readonly bucket: string
  readonly key: string
  /** Null asks without a signature, which public buckets take. */
  readonly credential: OpenCredential | null
}

const PIECE_BYTES = 8_000_000
const LIST_BYTES_MAX = 5_000_000

type Send = (ask: { method: 'GET' | 'HEAD'; path: string; range?: string; bytesMax?: number }) => Promise<HttpAnswer>

/** Objects of S3-compatible storage, with the bucket in the path, over the guarded HTTP of all checks. */
export async function findS3(target: S3Target, tools: CheckTools, context: CheckContext): Promise<FoundFiles> {
  const send = createSend(target, tools, context)
  const close = async (): Promise<void> => {}
  const { directory, name } = splitLast(target.key)
  if (name.includes('*')) {
    const prefix = directory + name.slice(0, name.indexOf('*'))
    const objects = await list(target, send, prefix, (key) => matchesName(name, key.slice(directory.length)))
    let newest = objects[0]
    for (const object of objects) if (object.modifiedMs > newest!.modifiedMs) newest = object
    const file = newest === undefined ? null : foundObject(target, send, newest)
    return { count: objects.length, file, close }
  }
  const path = pathOf(target.bucket, target.key)
  const answer = await send({ method: 'HEAD', path })
  if (answer.status === 200) {
    const size = Number(headerOf(answer, 'content-length') ?? 0)
    const modifiedMs = Date.parse(headerOf(answer, 'last-modified') ?? '')
    return { count: 1, file: foundObject(target, send, { key: target.key, size, modifiedMs }), close }
  }
  // An answer to HEAD has no body that would name the error.
  const said = await send({ method: 'GET', path, range: 'bytes=0-0', bytesMax: 10_000 })
  if (readFields(said.body.toString('utf8'))['Code'] === 'NoSuchKey') return { count: 0, file: null, close }
  throw refusal(said, target)
}

function createSend(target: S3Target, tools: CheckTools, context: CheckContext): Send {
  const { tenant, signal } = context
  return async ({ method, path, range, bytesMax }) => {
    const url = `${target.endpoint}${path}`
    const headers = {
      ...(await signature(target, method, url)),
      // The bytes as they are stored: sizes and sums are about those.
      'accept-encoding': 'identity',
      ...(range === undefined ? {} : { range }),
    }
    const answer = await tools.http.request({
      tenant,
      method,
      url,
      headers,
      followRedirects: false,
      bodyBytesMax: bytesMax ?? LIST_BYTES_MAX,
      signal,
    })
    context.log(`${method} ${target.bucket}: ${answer.status} in ${answer.latencyMs.toFixed(1)} ms`)
    return answer
  }
}

async function signature(
  { credential, region }: S3Target,
  method: string,
  url: string,
): Promise<Readonly<Record<string, string>>> {
  if (credential === null) return {}
  const { accessKeyId = '', secretAccessKey = '', sessionToken = '' } = credential.fields
  const signer = new AwsV4Signer({
    method,
    url,
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === '' ? {} : { sessionToken }),
    service: 's3',
    region,
  })
  const signed = await signer.sign()
  return Object.fromEntries([...signed.headers].filter(([name]) => name !== 'host'))
}

interface S3Object {
  readonly key: string
  readonly size: number
  readonly modifiedMs: number
}

function foundObject(target: S3Target, send: Send, { key, size, modifiedMs }: S3Object): FoundFile {
  return {
    name: splitLast(key).name,
    size,
    modifiedMs,
    async *read(start, count) {
      const end = Math.min(size, start + count)
      for (let at = start; at < end; ) {
        const last = Math.min(end, at + PIECE_BYTES) - 1
        const asked = { path: pathOf(target.bucket, key), range: `bytes=${at}-${last}`, bytesMax: last - at + 1 }
        const answer = await send({ method: 'GET', ...asked })
        const isWhole = answer.status === 200 && at === 0
        if (answer.status !== 206 && !isWhole) throw refusal(answer, target)
        if (answer.body.length === 0) return
        yield answer.body
        at += answer.body.length
      }
    },
  }
}

async function list(
  target: S3Target,
  send: Send,
  prefix: string,
  matches: (key: string) => boolean,
): Promise<S3Object[]> {
  const objects: S3Object[] = []
  let seen = 0
  let token = ''
  do {
    const query = new URLSearchParams({ 'list-type': '2', delimiter: '/', 'encoding-type': 'url', prefix })
    if (token !== '') query.set('continuation-token', token)
    const answer = await send({ method: 'GET', path: `${pathOf(target.bucket, '')}?${spaced(query)}` })
    if (answer.status !== 200) throw refusal(answer, target)
    const text = answer.body.toString('utf8')
    if (answer.bodyIsCut || !text.includes('<ListBucketResult')) throw notStorage(target)
    for (const content of readTags(text, 'Contents')) {
      const fields = readFields(content)
      if (++seen > NAMES_MAX) throw tooManyNames(target.bucket)
      const key = plainKey(fields['Key'] ?? '')
      if (!matches(key)) continue
      objects.push({
        key,
        size: Number(fields['Size'] ?? 0),
        modifiedMs: Date.parse(fields['LastModified'] ?? ''),
      })
    }
    const head = text.replace(/<Contents>[\s\S]*<\/Contents>/, '')
    token = readTags(head, 'IsTruncated')[0] === 'true' ? (readFields(head)['NextContinuationToken'] ?? '') : ''
  } while (token !== '')
  return objects
}

/** Signatures are made over `%20`; a `+` would be taken for itself. */
function spaced(query: URLSearchParams): string {
  return query.toString().replaceAll('+', '%20')
}

function plainKey(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '))
  } catch {
    return key
  }
}

/** Every byte that is not unreserved is escaped, as signatures want it. */
function pathOf(bucket: string, key: string): string {
  const escaped = key
    .split('/')
    .map((part) =>
      encodeURIComponent(part).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`),
    )
  return `/${encodeURIComponent(bucket)}${key === '' ? '' : `/${escaped.join('/')}`}`
}

function headerOf({ headers }: HttpAnswer, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

function refusal(answer: HttpAnswer, target: S3Target): CheckFailure {
  const fields = readFields(answer.body.toString('utf8'))
  const code = fields['Code'] ?? ''
  const words = `${target.bucket}: ${code === '' ? `status ${answer.status}` : code}`
  switch (code) {
    case 'InvalidAccessKeyId':
    case 'SignatureDoesNotMatch':
    case 'AccessDenied':
    case 'ExpiredToken':
    case 'InvalidToken':
      return new CheckFailure('credentials_refused', `The storage refused us at ${words}`, {
        hint:
          target.credential === null
            ? 'Give the step a credential of the kind s3'
            : 'Check the access key and its secret, and what it may read',
        retry: 'never',
      })
    case 'NoSuchBucket':
      return new CheckFailure('file_missing', `There is no bucket ${target.bucket}`, {
        hint: 'Check the bucket in the URL, the endpoint and the region',
      })
    case 'PermanentRedirect':
    case 'TemporaryRedirect':
    case 'AuthorizationHeaderMalformed':
    case 'IllegalLocationConstraintException':
      return new CheckFailure('config_invalid', `The bucket is in another region or at another endpoint (${words})`, {
        hint: `Set the region${fields['Region'] === undefined ? '' : ` to ${fields['Region'].slice(0, 40)}`}, and the endpoint`,
        retry: 'never',
      })
    case 'RequestTimeTooSkewed':
      return new CheckFailure('query_failed', `The clock of this machine differs from that of the storage (${words})`, {
        hint: 'Set the clock of the machine that runs the checks',
      })
    case 'SlowDown':
      return new CheckFailure('host_busy', `The storage asks us to slow down (${words})`, { retry: 'always' })
    default:
      if (code === '' && answer.status < 500) return notStorage(target, answer.status)
      return new CheckFailure('query_failed', `The storage answered ${words}`, {
        hint: 'See the log of the storage',
        retry: answer.status >= 500 ? 'always' : 'asked',
      })
  }
}

function notStorage({ endpoint }: S3Target, status?: number): CheckFailure {
  const what = status === undefined ? '' : ` (status ${status})`
  return new CheckFailure('answer_invalid', `What answers at ${endpoint} does not speak S3${what}`, {
    hint: 'Check the endpoint of the step',
  })
}
