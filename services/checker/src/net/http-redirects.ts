import { CheckFailure } from '../check-type.ts'

export interface Hop {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | undefined
}

const REDIRECTS_MAX = 10
const FOLLOWED = new Set([301, 302, 303, 307, 308])

/** What another origin may see: nothing that could say who asks, for headers of one's own hold keys as often as not. */
const HARMLESS = /^(accept|accept-language|accept-encoding|content-type|user-agent|cache-control|range)$/

/** Follows the way of one request, so that it ends. */
export interface RedirectTrail {
  /** Errors: CheckFailure `redirect_loop`. The cookies count: a sign-in sets one and leads back to the same page. */
  visit(hop: Hop, cookies: string): void
  /**
   * Where an answer leads; null when it is the answer itself. Errors: CheckFailure `redirects_too_many`, `url_invalid`
   * (a place that is not http or https), `redirect_refused` (a body, to another origin).
   */
  next(hop: Hop, status: number, location: string | undefined): Hop | null
  readonly count: number
}

export function createRedirectTrail(): RedirectTrail {
  const seen = new Set<string>()
  const places: string[] = []
  return {
    get count() {
      return places.length - 1
    },
    visit(hop, cookies) {
      const key = JSON.stringify([hop.method, hop.url.href, cookies])
      places.push(placeOf(hop.url))
      if (seen.has(key)) {
        throw new CheckFailure('redirect_loop', `The redirects go round: ${places.join(' to ')}`, {
          hint: 'Check the redirect rules of the server, and whether it expects a cookie or a sign-in',
        })
      }
      seen.add(key)
    },
    next(hop, status, location) {
      if (!FOLLOWED.has(status) || location === undefined) return null
      const url = destination(hop.url, location)
      if (places.length > REDIRECTS_MAX) {
        throw new CheckFailure(
          'redirects_too_many',
          `There are more than ${REDIRECTS_MAX} redirects: ${places[0]} led to ${placeOf(url)} in the end`,
          {
            hint: 'Use the address at the end of the redirects, or check the rules of the server',
          },
        )
      }
      const keepsBody = status === 307 || status === 308 || !changesMethod(status, hop.method)
      const sameOrigin = url.origin === hop.url.origin
      // A body may hold what signs in: it is for the origin that it was written for.
      if (keepsBody && hop.body !== undefined && !sameOrigin) throw bodyElsewhere(hop.url, url)
      const headers = Object.entries(hop.headers).filter(([name]) => {
        const lower = name.toLowerCase()
        if (!keepsBody && lower.startsWith('content-')) return false
        return sameOrigin || HARMLESS.test(lower)
      })
      return {
        method: keepsBody ? hop.method : 'GET',
        url,
        headers: Object.fromEntries(headers),
        body: keepsBody ? hop.body : undefined,
      }
    },
  }
}

function bodyElsewhere(from: URL, to: URL): CheckFailure {
  return new CheckFailure(
    'redirect_refused',
    `${placeOf(from)} redirects what was sent to another origin, ${to.origin}; it was not sent there`,
    { hint: 'If that is where it belongs, use the address at the end of the redirect', retry: 'never' },
  )
}

/** RFC 9110, section 15.4: POST becomes GET by custom on 301 and 302, and everything but HEAD on 303. */
function changesMethod(status: number, method: string): boolean {
  if (status === 303) return method !== 'GET' && method !== 'HEAD'
  return (status === 301 || status === 302) && method === 'POST'
}

function destination(from: URL, location: string): URL {
  let url: URL
  try {
    // Node reads header bytes as Latin-1; addresses that are not ASCII are UTF-8 in practice.
    url = new URL(Buffer.from(location, 'latin1').toString('utf8'), from)
  } catch (cause) {
    throw new CheckFailure('answer_invalid', `${placeOf(from)} redirects to something that is no address`, {
      hint: 'Check the location header of the redirect',
      cause,
    })
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new CheckFailure(
      'url_invalid',
      `${placeOf(from)} redirects to ${url.protocol}, which is neither http nor https`,
      {
        hint: 'Check the location header of the redirect',
        retry: 'never',
      },
    )
  }
  url.username = ''
  url.password = ''
  url.hash = ''
  return url
}

/** An address without what may be secret in it. */
export function placeOf(url: URL): string {
  const place = `${url.origin}${url.pathname}`
  return place.length <= 200 ? place : `${place.slice(0, 199)}…`
}
