import type { BorrowedPage } from '../../browser/browser-pool.ts'
import { type CheckContext, CheckFailure } from '../../check-type.ts'

/** What is left for a screenshot and for facts when an action takes all of the attempt's time. */
const AFTERWARDS_MS = 1500
const LEFT_MS_MIN = 200

/** How long the page may take for the next thing, milliseconds. */
export const timeLeftMs = ({ deadlineMs }: Pick<CheckContext, 'deadlineMs'>): number =>
  Math.max(LEFT_MS_MIN, Math.round(deadlineMs - performance.now() - AFTERWARDS_MS))

/** Without userinfo, query and fragment: those may hold what is not for everybody. */
export function shown(url: string): string {
  if (!URL.canParse(url)) return url.slice(0, 200)
  const { protocol, host, pathname } = new URL(url)
  return host === '' ? url.slice(0, 200) : `${protocol}//${host}${pathname}`
}

export const statusFault = (status: number): { of: string; failure: CheckFailure } => ({
  of: 'status',
  failure: new CheckFailure('status_unexpected', `status was ${status}, expected below 400`, {
    hint: 'Open the page by hand, and look at the body or the screenshot of this step',
    retry: status >= 500 || status === 429 ? 'always' : 'asked',
  }),
})

/** What Chromium says of the network, and what it means. */
const NETWORK: readonly (readonly [RegExp, string, string])[] = [
  [/ERR_CERT_|ERR_SSL_/, 'certificate_invalid', 'The certificate was not accepted'],
  [/ERR_TOO_MANY_REDIRECTS/, 'redirect_loop', 'The page redirects in a circle'],
  [/ERR_NAME_NOT_RESOLVED/, 'name_unknown', 'The name is not known'],
  [/ERR_CONNECTION_REFUSED/, 'connection_refused', 'The connection was refused'],
  [/ERR_EMPTY_RESPONSE|ERR_INVALID_HTTP_RESPONSE|ERR_RESPONSE_HEADERS/, 'answer_invalid', 'The answer is no HTTP'],
  [
    /ERR_CONNECTION_|ERR_INCOMPLETE|ERR_CONTENT_LENGTH|ERR_TUNNEL|ERR_PROXY|ERR_SOCKET/,
    'connection_lost',
    'The connection was lost',
  ],
  [/ERR_UNSAFE_PORT/, 'url_invalid', 'Browsers do not connect to this port'],
]

/**
 * Says in words what went wrong in a page. `looked` names what was looked for. Library errors hold a log of calls after
 * their first line, which may hold what was typed: that line alone is taken, never of `fill`.
 */
export function pageFailure(
  error: unknown,
  borrowed: Pick<BorrowedPage, 'failures'> | null,
  looked: { readonly url?: string; readonly selector?: string },
): CheckFailure {
  if (error instanceof CheckFailure) return error
  const text = error instanceof Error ? error.message : String(error)
  const [line = ''] = text.split('\n')
  if (/net::ERR_/.test(text)) return networkFailure(text, borrowed, looked.url ?? '')
  const selector = looked.selector ?? /(?:waiting for |locator\()(.{1,200})/.exec(text)?.[1]
  if (/strict mode|Unexpected token|is not a valid selector|Unknown engine|while parsing/i.test(text)) {
    return new CheckFailure('config_invalid', `The selector ${selector ?? ''} cannot be read`, {
      retry: 'never',
      cause: error,
    })
  }
  if (/Timeout .*exceeded/i.test(text)) {
    const what = /page\.goto/.test(line)
      ? 'The page was not loaded'
      : `Waited for ${selector ?? 'the page'}, which did not come`
    const hint = 'Look at the screenshot of this step, and whether the selector still fits the page'
    return new CheckFailure('timeout', what, { hint, retry: 'always', cause: error })
  }
  if (/has been closed|Target closed|crash/i.test(text)) {
    return new CheckFailure('browser_failed', 'The browser closed the page', { retry: 'always', cause: error })
  }
  return new CheckFailure('action_failed', /fill/.test(line) ? 'The field could not be filled' : line.slice(0, 300), {
    hint: 'Look at the screenshot of this step',
    cause: error,
  })
}

/** The guard knows better than the browser why there was no connection. */
function networkFailure(text: string, borrowed: Pick<BorrowedPage, 'failures'> | null, url: string): CheckFailure {
  const [own] = borrowed?.failures ?? []
  if (own !== undefined && /ERR_TUNNEL|ERR_PROXY|ERR_CONNECTION|ERR_EMPTY|ERR_ABORTED|ERR_HTTP_RESPONSE/.test(text))
    return own.failure
  const code = /net::(ERR_[A-Z0-9_]+)/.exec(text)?.[1] ?? ''
  const [, reason, what] = NETWORK.find(([pattern]) => pattern.test(code)) ?? [
    null,
    'connection_lost',
    'The page was not loaded',
  ]
  const hint = reason === 'certificate_invalid' ? 'A step of type tls says what is wrong with the certificate' : ''
  return new CheckFailure(reason, `${what}: ${shown(url)} (${code})`, { hint, retry: 'always' })
}
