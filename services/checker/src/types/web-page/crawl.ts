import { setTimeout as sleep } from 'node:timers/promises'
import type { WebPageConfig } from '@driftline/checks/types/web'
import { compilePattern, type Pattern } from '../../assess/patterns.ts'
import { type CheckContext, CheckFailure, type CheckTools } from '../../check-type.ts'
import type { Page, ReadPage } from '../../facts/selectors.ts'
import type { CookieJar, HttpAnswer } from '../../net/guarded-http.ts'
import type { RobotRules } from '../../net/robots.ts'
import { mediaTypeOf } from '../http/ask-http.ts'

/** What a crawl found. */
export interface Crawl {
  readonly pages: number
  readonly links: number
  readonly broken: BrokenLink[]
  /** Pages without the text that every page must have. */
  readonly missing: string[]
  /** Pages that robots.txt asks to leave alone. */
  refused: number
  /** Why pages that were found were not fetched; null when all were. */
  stopped: 'pages' | 'time' | null
}

export interface BrokenLink {
  readonly link: string
  /** The page that has it. */
  readonly page: string
  /** `404`, or why there was no answer. */
  readonly why: string
}

export interface CrawlTools extends Pick<CheckTools, 'http'> {
  readonly readPage: ReadPage
  readonly rules: RobotRules
}

export interface CrawlRequest {
  readonly config: WebPageConfig
  readonly limits: NonNullable<WebPageConfig['crawl']>
  readonly context: CheckContext
  readonly cookies: CookieJar
}

interface Found {
  readonly url: string
  readonly page: string
  readonly depth: number
  readonly isOwn: boolean
}

const CONCURRENT = 4
/** What is left of the attempt's time to tell what was found. */
const RESERVED_MS = 300
const LINKS_MAX = 2000
const EXTERNAL_MAX = 100

/** Follows the links of a page within its origin, breadth first, each address once. */
export async function crawlFrom(
  tools: CrawlTools,
  request: CrawlRequest,
  start: { readonly answer: HttpAnswer; readonly page: Page },
): Promise<Crawl> {
  const crawl = createCrawl(tools, request, start.answer.url)
  crawl.take(start.answer, start.page, 0)
  const workers = tools.rules.crawlDelayMs > 0 ? 1 : CONCURRENT
  const leftMs = request.context.deadlineMs - performance.now() - RESERVED_MS
  const timeUp = AbortSignal.timeout(Math.max(1, Math.floor(leftMs)))
  const signal = AbortSignal.any([request.context.signal, timeUp])
  await Promise.all(Array.from({ length: workers }, () => work(tools, request, crawl, signal)))
  request.context.signal.throwIfAborted()
  return { ...crawl.found, pages: crawl.pages(), links: crawl.links() }
}

interface RunningCrawl {
  readonly found: Omit<Crawl, 'pages' | 'links'>
  pages(): number
  links(): number
  /** The next address; null when there is none yet, `undefined` when there will be none. */
  next(): Found | null | undefined
  done(): void
  take(answer: HttpAnswer, page: Page | null, depth: number): void
}

async function work(tools: CrawlTools, request: CrawlRequest, crawl: RunningCrawl, signal: AbortSignal): Promise<void> {
  for (;;) {
    const target = crawl.next()
    if (target === undefined) return
    if (signal.aborted) {
      crawl.found.stopped = 'time'
      return
    }
    if (target === null) {
      // Others are still reading pages that may hold more.
      await sleep(5)
      continue
    }
    try {
      await sleep(tools.rules.crawlDelayMs, undefined, { signal })
      await visit(tools, request, crawl, target, signal)
    } catch (error) {
      if (!signal.aborted) throw error
      crawl.found.stopped = 'time'
    } finally {
      crawl.done()
    }
  }
}

/** Fetches one address and notes what it is like. */
async function visit(
  tools: CrawlTools,
  { config, context, cookies }: CrawlRequest,
  crawl: RunningCrawl,
  { url, page, depth, isOwn }: Found,
  signal: AbortSignal,
): Promise<void> {
  const broken = (why: string): void => {
    crawl.found.broken.push({ link: url, page, why })
  }
  const { tenant } = context
  const ask = (method: string): Promise<HttpAnswer> =>
    tools.http.request({
      tenant,
      signal,
      method,
      url,
      // What the step's author put into headers is for the start's origin only.
      ...(isOwn ? { headers: config.headers, cookies } : {}),
      bodyBytesMax: config.bodyBytesMax,
    })
  try {
    let answer = await ask(isOwn ? 'GET' : 'HEAD')
    // Some servers do not know HEAD; a link is not broken for that.
    if (!isOwn && (answer.status === 405 || answer.status === 501)) answer = await ask('GET')
    if (answer.status >= 400) broken(String(answer.status))
    else if (isOwn && new URL(answer.url).origin === new URL(url).origin) {
      const isPage = /^(text\/html|application\/xhtml\+xml)/i.test(mediaTypeOf(answer))
      crawl.take(answer, isPage ? tools.readPage(answer.body, mediaTypeOf(answer), answer.url) : null, depth)
    }
  } catch (error) {
    if (!(error instanceof CheckFailure) || signal.aborted) throw error
    broken(error.message)
  }
}

function createCrawl({ rules }: CrawlTools, { limits, context }: CrawlRequest, startUrl: string): RunningCrawl {
  const { origin } = new URL(startUrl)
  const ignored: Pattern[] = limits.ignore.map((pattern) => compilePattern(pattern))
  const known = new Set([startUrl])
  const queue: Found[] = []
  const found: Omit<Crawl, 'pages' | 'links'> = { broken: [], missing: [], refused: 0, stopped: null }
  let fetched = 1
  let external = 0
  let running = 0

  const add = (url: string, page: string, depth: number): void => {
    const isOwn = new URL(url).origin === origin
    if (known.has(url) || known.size >= LINKS_MAX || ignored.some((pattern) => pattern.find(url) !== null)) return
    if (!isOwn && (!limits.checkExternal || external >= EXTERNAL_MAX)) return
    if (isOwn && depth > limits.depthMax) return
    known.add(url)
    if (isOwn && !rules.allows(url)) {
      found.refused++
      return
    }
    if (!isOwn) external++
    queue.push({ url, page, depth, isOwn })
  }

  return {
    found,
    pages: () => fetched,
    links: () => known.size - 1,
    next() {
      const target = queue[0]
      if (target === undefined) return running === 0 ? undefined : null
      queue.shift()
      if (target.isOwn && fetched >= limits.pagesMax) {
        found.stopped ??= 'pages'
        return this.next()
      }
      if (target.isOwn) fetched++
      running++
      return target
    },
    done() {
      running--
    },
    take(answer, page, depth) {
      if (page === null) return
      known.add(answer.url)
      const { mustContain } = limits
      const text = page.text() ?? ''
      if (mustContain !== undefined && !text.includes(mustContain.replace(/\s+/g, ' ').trim())) {
        found.missing.push(answer.url)
      }
      for (const link of page.links()) add(link, answer.url, depth + 1)
      context.log(`Read ${new URL(answer.url).pathname}, page ${fetched}`)
    },
  }
}
