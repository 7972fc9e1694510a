import type { OpenedCredential } from '@driftline/checks/vault/credential-store'
import { isHostOf } from '@driftline/checks/vault/host-patterns'
import { load } from 'cheerio'
import { CheckFailure } from '../check-type.ts'
import type { CookieJar, GuardedHttp, HttpAnswer } from '../net/guarded-http.ts'
import type { CredentialUse, RequestUse } from './credentials.ts'
import { named } from './oauth-tokens.ts'
import { type SharedWork, shareWork } from './shared-work.ts'

/** Signs in through the form of a page, as a person would; what the page sets goes into the run's cookies. */
export interface FormLogins {
  /**
   * Once for each cookie jar, unless it was refused since. Errors: CheckFailure `credentials_refused`,
   * `value_missing` for a page without such a form, `credential_not_for_host`, and those of the guard.
   */
  signIn(credential: OpenedCredential, use: CredentialUse & RequestUse): Promise<void>
  forget(tenant: string, name: string): void
}

interface Login {
  readonly key: string
  readonly generation: number
  readonly work: SharedWork<void>
}

interface LoginForm {
  readonly action: string
  readonly fields: URLSearchParams
}

const PAGE_BYTES_MAX = 5_000_000
const GENERATIONS_MAX = 5000
/** Shorter values of cookies are words such as a language: masking them would make everything unreadable. */
const COOKIE_SECRET_LENGTH_MIN = 8

export function createFormLogins({ http }: { readonly http: GuardedHttp }): FormLogins {
  const logins = new WeakMap<CookieJar, Login>()
  const generations = new Map<string, number>()
  const generationOf = (tenant: string, name: string): number => generations.get(`${tenant} ${name}`) ?? 0
  return {
    async signIn(credential, use) {
      const key = `${use.tenant} ${credential.id} ${credential.version}`
      const generation = generationOf(use.tenant, credential.name)
      let login = logins.get(use.cookies)
      const isUsable = login?.key === key && login.generation === generation && !login.work.isLeft()
      if (login === undefined || !isUsable) {
        const work = shareWork(`signing in at ${new URL(credential.fields['loginUrl']!).host}`, (signal) =>
          signInThrough(http, credential, { ...use, signal }),
        )
        const made: Login = { key, generation, work }
        login = made
        logins.set(use.cookies, made)
        work.done.catch(() => {
          if (logins.get(use.cookies) === made) logins.delete(use.cookies)
        })
      }
      await login.work.wait(use.signal)
      for (const value of cookieValues(use.cookies, credential.fields['loginUrl']!)) use.secret(value)
    },

    forget(tenant, name) {
      if (generations.size >= GENERATIONS_MAX) generations.clear()
      generations.set(`${tenant} ${name}`, generationOf(tenant, name) + 1)
    },
  }
}

type Use = CredentialUse & RequestUse

async function signInThrough(http: GuardedHttp, credential: OpenedCredential, use: Use): Promise<void> {
  const { fields } = credential
  const { tenant, signal, cookies } = use
  const loginUrl = fields['loginUrl']!
  const place = new URL(loginUrl).host
  const ask = (request: { method: string; url: string; headers?: Record<string, string>; body?: string }) =>
    http
      .request({ tenant, signal, cookies, bodyBytesMax: PAGE_BYTES_MAX, ...request })
      .catch((error: unknown) => Promise.reject(named(error, `Signing in at ${place}`)))
  use.log(`signing in at ${place}`)
  const page = await ask({ method: 'GET', url: loginUrl })
  if (page.status >= 400) {
    const message = `The sign-in page at ${place} answered with status ${page.status}`
    throw new CheckFailure('status_unexpected', message, { hint: 'Look whether the address of the page is right' })
  }
  const form = loginForm(page, fields)
  for (const address of [page.url, form.action]) refuseOtherHost(credential, loginUrl, address)
  const origin = new URL(page.url).origin
  const answer = await ask({
    method: 'POST',
    url: form.action,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      origin,
      referer: origin + new URL(page.url).pathname,
    },
    body: form.fields.toString(),
  })
  judge(answer, fields, place)
  use.log(`signed in at ${place}`)
}

/** The form with the field for the password, and everything that it would send. */
function loginForm(page: HttpAnswer, fields: OpenedCredential['fields']): LoginForm {
  const $ = load(page.body.toString('utf8'))
  const [userField, passwordField] = [fields['usernameField']!, fields['passwordField']!]
  const named = $('form').filter((_, each) =>
    $(each)
      .find('input')
      .toArray()
      .some((input) => $(input).attr('name') === passwordField),
  )
  const form = named.first()
  if (form.length === 0) {
    const message = `The sign-in page at ${new URL(page.url).host} has no form with a field ${passwordField}`
    const hint = 'Look how the fields of the form are named; a page that is made by a script needs the type web_browser'
    throw new CheckFailure('value_missing', message, { hint, retry: 'never' })
  }
  const sent = new URLSearchParams()
  for (const { name, value } of form.serializeArray()) sent.append(name, value)
  const button = form.find('button[name]:not([type=button]):not([type=reset]), input[type=submit][name]').first()
  if (button.length > 0) sent.append(button.attr('name')!, button.attr('value') ?? '')
  sent.set(userField, fields['username']!)
  sent.set(passwordField, fields['password']!)
  const action = new URL(form.attr('action') || page.url, baseOf($('base[href]').first().attr('href'), page.url)).href
  const isPost = (form.attr('method') ?? 'get').toLowerCase() === 'post'
  if (!isPost) {
    const message = `The sign-in form at ${new URL(page.url).host} would put the password into an address`
    throw new CheckFailure('credentials_refused', message, { hint: 'Use the type web_browser for it', retry: 'never' })
  }
  return { action, fields: sent }
}

const baseOf = (base: string | undefined, url: string): string =>
  base !== undefined && URL.canParse(base, url) ? new URL(base, url).href : url

/** A page that was taken over must not have the password sent elsewhere. */
function refuseOtherHost({ name, hosts }: OpenedCredential, loginUrl: string, address: string): void {
  const { hostname, protocol } = new URL(address)
  const isHome = hostname === new URL(loginUrl).hostname || isHostOf(hosts, hostname)
  const isDowngrade = protocol !== 'https:' && loginUrl.toLowerCase().startsWith('https:')
  if (isHome && !isDowngrade && /^https?:$/.test(protocol)) return
  const where = isDowngrade ? `${hostname} without TLS` : hostname
  const message = `The sign-in page leads to ${where}, which the credential ${name} is not for`
  const hint = 'An administrator can add the host under Settings, Credentials'
  throw new CheckFailure('credential_not_for_host', message, { hint, retry: 'never' })
}

function judge(answer: HttpAnswer, fields: OpenedCredential['fields'], place: string): void {
  const refused = (found: string): CheckFailure =>
    new CheckFailure('credentials_refused', `Signing in at ${place} failed: ${found}`, {
      hint: 'Type user name and password again, or look what else the form asks for',
      retry: 'never',
    })
  if (answer.status >= 500) {
    throw new CheckFailure('status_unexpected', `Signing in at ${place} failed: status was ${answer.status}`, {
      hint: 'Look after the application behind the sign-in page',
    })
  }
  if (answer.status >= 400) throw refused(`status was ${answer.status}`)
  const $ = load(answer.body.toString('utf8'))
  const expected = fields['successText']!
  if (expected !== '') {
    if ($('body').text().replace(/\s+/g, ' ').includes(expected) || $.html().includes(expected)) return
    throw refused('the page after it does not have the text of a good sign-in')
  }
  const asksAgain = $('input')
    .toArray()
    .some((input) => $(input).attr('name') === fields['passwordField'])
  if (asksAgain) throw refused('the page after it asks for the password again')
}

function cookieValues(cookies: CookieJar, url: string): string[] {
  return cookies
    .headerFor(url)
    .split('; ')
    .map((pair) => pair.slice(pair.indexOf('=') + 1))
    .filter((value) => value.length >= COOKIE_SECRET_LENGTH_MIN)
}
