import { CookieJar as Jar } from 'tough-cookie'
import type { CookieJar } from './guarded-http.ts'

/** Cookies of one answer that are kept; a server that sets more of them is not to fill the memory. */
const COOKIES_MAX = 100
const COOKIE_LENGTH_MAX = 8192
const HEADER_LENGTH_MAX = 16_384

/** Keeps the cookies of one run, each for the hosts and paths that it is for (RFC 6265, public suffixes refused). */
export function createCookieJar(): CookieJar {
  const jar = new Jar(undefined, { looseMode: false, rejectPublicSuffixes: true })
  let kept = 0
  return {
    headerFor(url) {
      const header = jar.getCookieStringSync(url)
      return header.length <= HEADER_LENGTH_MAX ? header : ''
    },
    take(url, setCookie) {
      for (const line of setCookie.slice(0, COOKIES_MAX)) {
        if (line.length > COOKIE_LENGTH_MAX || kept >= COOKIES_MAX * 10) continue
        kept++
        jar.setCookieSync(line, url, { ignoreError: true })
      }
    },
  }
}
