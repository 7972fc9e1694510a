import { request } from 'node:http'
import { AppError } from '../errors.ts'
import type { ChdbProcess } from './chdb-process.ts'
import type { StoreCredentials, StoreEndpoint } from './store-endpoint.ts'

/** The release that this code was tried with; another one may have another listener, users or insert rules. */
const testedRelease = '26.7.'

const POLL_MS = 10

/** Waits until the server answers its writing user. Errors: `data_dir_locked`, `store_unavailable`. */
export async function readyOnce(endpoint: StoreEndpoint, child: ChdbProcess, timeoutMs: number): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs
  while (performance.now() < deadlineMs) {
    if (child.isGone()) throw startFailure(await child.gone, child.lastWords())
    const version = await ask(endpoint.url, endpoint.writer, 'SELECT version()').catch(() => null)
    if (version?.ok) return checkRelease(version.text)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  throw new AppError('store_unavailable', `the analytics store did not answer within ${timeoutMs} ms`)
}

function checkRelease(version: string): void {
  if (version.startsWith(testedRelease)) return
  throw new AppError('store_unavailable', `libchdb is ${version.trim()}; this release was tried with ${testedRelease}x`)
}

function startFailure(how: string, lastWords: string): AppError {
  if (lastWords.includes('Cannot lock file')) {
    return new AppError('data_dir_locked', 'another server uses the directory of the analytics store')
  }
  return new AppError('store_unavailable', `the analytics store ended at its start (${how}): ${lastWords}`)
}

/** Proves that the user without password reads nothing: a start with open doors fails. */
export async function proveClosed(endpoint: StoreEndpoint): Promise<void> {
  const nobody = { username: 'default', password: '' }
  for (const statement of [
    'SELECT count() FROM system.processes',
    "SELECT * FROM url('http://127.0.0.1:9/', 'LineAsString')",
  ]) {
    const answer = await ask(endpoint.url, nobody, statement)
    if (answer.ok || !answer.text.includes('ACCESS_DENIED')) {
      throw new AppError('store_unavailable', 'the analytics store lets its default user read: not starting it')
    }
  }
}

/**
 * One statement as one user on a connection of its own: an idle connection would hold up the server's end. Resolves
 * for refusals too; rejects when the server cannot be reached in time.
 */
export function ask(
  url: string,
  user: StoreCredentials,
  statement: string,
  timeoutMs = 5000,
): Promise<{ ok: boolean; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'X-ClickHouse-User': user.username, 'X-ClickHouse-Key': user.password, Connection: 'close' }
    const options = { method: 'POST', headers, agent: false, signal: AbortSignal.timeout(timeoutMs) }
    const sent = request(url, options, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ ok: response.statusCode === 200, text }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(statement)
  })
}
