import { type CheerioAPI, loadBuffer } from 'cheerio'
import { CheckFailure } from '../check-type.ts'
import { TimeIsOver, type TimeLimit } from './time-limit.ts'

/** A parsed page. Selectors are CSS; errors: CheckFailure `config_invalid`, `answer_too_large` (takes too long). */
export interface Page {
  title(): string | undefined
  /** Text of the first match, or of the page, as it reads: without scripts and runs of blanks. */
  text(selector?: string): string | undefined
  count(selector: string): number
  /** Of the first match: `a.next@href`; in full for addresses. */
  attribute(selectorAndName: string): string | undefined
  /** Addresses that the page links to, in full, each once, without fragments. */
  links(): readonly string[]
}

export type ReadPage = (body: Buffer, contentType: string, url: string) => Page

const LINKS_MAX = 5000
const TEXT_LENGTH_MAX = 1_000_000
const ADDRESSES = new Set(['href', 'src', 'action'])

export function createReadPage({ limit }: { readonly limit: TimeLimit }): ReadPage {
  return (body, contentType, url) => {
    const charset = /charset\s*=\s*"?([^\s;"]+)/i.exec(contentType)?.[1]
    const label = charset === undefined ? {} : { transportLayerEncodingLabel: charset }
    const $ = within(limit, 'the page', () => loadBuffer(body, { encoding: { defaultEncoding: 'utf8', ...label } }))
    return pageOf($, url, limit)
  }
}

function pageOf($: CheerioAPI, url: string, limit: TimeLimit): Page {
  const base = absolute($('base[href]').first().attr('href') ?? '', url) ?? url
  const select = <T>(selector: string, work: () => T): T => within(limit, selector, work)
  return {
    title: () => {
      const title = $('title').first()
      return title.length === 0 ? undefined : tidy(title.text())
    },
    text: (selector) =>
      select(selector ?? 'body', () => {
        const found = selector === undefined ? $('body') : $(selector).first()
        if (found.length === 0) return undefined
        const copy = found.clone()
        if (!found.is('script, style')) copy.find('script, style, noscript, template').remove()
        return tidy(copy.text()).slice(0, TEXT_LENGTH_MAX)
      }),
    count: (selector) => select(selector, () => $(selector).length),
    attribute(selectorAndName) {
      const at = selectorAndName.lastIndexOf('@')
      const name = selectorAndName.slice(at + 1).trim()
      if (at < 1 || name === '') {
        throw new CheckFailure('config_invalid', `${selectorAndName} does not say which attribute`, {
          hint: 'Write selector@attribute, such as a.next@href',
          retry: 'never',
        })
      }
      const selector = selectorAndName.slice(0, at)
      const value = select(selector, () => $(selector).first().attr(name))
      return value !== undefined && ADDRESSES.has(name) ? (absolute(value, base) ?? value) : value
    },
    links: () =>
      select('a', () => {
        const links = new Set<string>()
        for (const element of $('a[href], area[href]').toArray()) {
          const link = absolute($(element).attr('href') ?? '', base)
          if (link !== null && /^https?:/.test(link)) links.add(link)
          if (links.size >= LINKS_MAX) break
        }
        return [...links]
      }),
  }
}

function within<T>(limit: TimeLimit, selector: string, work: () => T): T {
  try {
    return limit(work)
  } catch (error) {
    if (error instanceof CheckFailure) throw error
    if (error instanceof TimeIsOver || error instanceof RangeError) {
      throw new CheckFailure('answer_too_large', `Looking for ${selector} takes too long on this page`, {
        hint: 'Use a simpler selector, without :has and :contains inside each other',
        retry: 'never',
        cause: error,
      })
    }
    const why = error instanceof Error ? error.message : String(error)
    throw new CheckFailure('config_invalid', `${selector} is not a CSS selector: ${why}`, {
      hint: 'Write it as in a stylesheet: main h1, form[name=login] button',
      retry: 'never',
      cause: error,
    })
  }
}

/** In full and without fragment; null for what is no address. */
function absolute(link: string, base: string): string | null {
  try {
    const url = new URL(link.trim(), base)
    url.hash = ''
    url.username = ''
    url.password = ''
    return url.href
  } catch {
    return null
  }
}

function tidy(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}
