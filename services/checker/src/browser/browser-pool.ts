import { existsSync } from 'node:fs'
import type { Logger } from '@driftline/platform/logger'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { CheckFailure } from '../check-type.ts'
import type { AddressGuard } from '../net/address-guard.ts'
import { createGuardedProxy, type GuardedProxy, type ProxySession } from './guarded-proxy.ts'

/** A page of its own context, whose whole traffic goes through the guard. */
export interface BorrowedPage {
  readonly page: Page
  readonly context: BrowserContext
  /** What the page was kept from, or could not reach. */
  readonly failures: ProxySession['failures']
  /** Closes the context and its connections; the browser stays for the next. */
  release(): Promise<void>
}

/** A bounded number of pages in one browser that is started when it is first needed and ended when it idles. */
export interface BrowserPool {
  /** Errors: CheckFailure `browser_missing` (says what to install), `browser_busy`, `browser_failed`. */
  borrow(tenant: string, options: BorrowOptions): Promise<BorrowedPage>
  stop(): Promise<void>
}

export interface BorrowOptions {
  readonly viewport: { readonly width: number; readonly height: number }
  readonly signal: AbortSignal
}

export interface BrowserPoolConfig {
  /** Program of the browser; the usual places are looked at when it is null. */
  readonly executable: string | null
  readonly pagesMax: number
  /** Without a page for so long the browser is ended. Milliseconds. */
  readonly idleMs: number
  /** Appended to the browser's own user agent, so that sites know who asks. */
  readonly userAgent: string
}

const USUAL_PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/google-chrome',
  '/usr/bin/microsoft-edge',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
]

const ARGUMENTS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  // What does not go through the proxy goes nowhere: no look-ups and no datagrams of its own.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  '--force-webrtc-ip-handling-policy=disable_non_proxied_udp',
]

const START_MS_MAX = 20_000

interface Running {
  readonly browser: Browser
  readonly proxy: GuardedProxy
  readonly userAgent: string
}

export function createBrowserPool(
  config: BrowserPoolConfig,
  deps: { readonly guard: AddressGuard; readonly logger: Logger },
): BrowserPool {
  let starting: Promise<Running> | null = null
  let idle: NodeJS.Timeout | undefined
  let pages = 0
  const waiting: (() => void)[] = []

  const start = async (): Promise<Running> => {
    const executablePath = config.executable ?? USUAL_PLACES.find(existsSync) ?? null
    if (executablePath === null || !existsSync(executablePath)) throw missing(executablePath)
    const { chromium } = await import('playwright-core').catch((cause: unknown) => {
      throw new CheckFailure('browser_missing', 'The package playwright-core is not installed', {
        retry: 'never',
        cause,
      })
    })
    const proxy = createGuardedProxy(deps.guard)
    await proxy.start()
    let browser: Browser | undefined
    try {
      browser = await chromium.launch({
        executablePath,
        args: [...ARGUMENTS, ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
        // Each page has its session at the proxy; without one nothing is reached.
        proxy: { server: proxy.url() },
        timeout: START_MS_MAX,
        handleSIGINT: false,
        handleSIGTERM: false,
        handleSIGHUP: false,
      })
      const userAgent = await userAgentOf(browser, config.userAgent)
      return { browser, proxy, userAgent }
    } catch (cause) {
      await browser?.close().catch(() => {})
      await proxy.stop()
      throw new CheckFailure('browser_failed', `The browser ${executablePath} did not start`, {
        hint: 'Start it by hand to see why',
        retry: 'always',
        cause,
      })
    }
  }

  const running = (): Promise<Running> => {
    clearTimeout(idle)
    if (starting === null) {
      const begun = start()
      starting = begun
      // Another one may have been started meanwhile: that one stays.
      const gone = (): void => {
        if (starting === begun) starting = null
      }
      begun.then(({ browser, proxy }) => {
        const ended = (): void => {
          gone()
          void proxy.stop()
        }
        if (browser.isConnected()) browser.once('disconnected', ended)
        else ended()
      }, gone)
    }
    return starting
  }

  const enter = async (signal: AbortSignal): Promise<void> => {
    if (pages < config.pagesMax) {
      pages += 1
      return
    }
    await new Promise<void>((resolve, reject) => {
      const turn = (): void => {
        signal.removeEventListener('abort', giveUp)
        resolve()
      }
      const giveUp = (): void => {
        waiting.splice(waiting.indexOf(turn), 1)
        const message = `All ${config.pagesMax} pages of the browser were busy until the step’s time was over`
        reject(new CheckFailure('browser_busy', message, { retry: 'always' }))
      }
      waiting.push(turn)
      signal.addEventListener('abort', giveUp, { once: true })
    })
  }

  const leave = (): void => {
    // The place goes to the next one as it is.
    const next = waiting.shift()
    if (next === undefined) pages -= 1
    else next()
    if (pages === 0) idle = setTimeout(() => void end(), config.idleMs).unref()
  }

  const end = async (): Promise<void> => {
    clearTimeout(idle)
    const ending = starting
    starting = null
    const ended = await ending?.catch(() => null)
    if (!ended) return
    await ended.browser.close().catch((error: unknown) => deps.logger.warn({ error }, 'could not close the browser'))
    await ended.proxy.stop()
  }

  return {
    async borrow(tenant, { viewport, signal }) {
      await enter(signal)
      try {
        const { browser, proxy, userAgent } = await running()
        signal.throwIfAborted()
        const session = proxy.open(tenant, signal)
        const { username, password, failures } = session
        try {
          const context = await browser.newContext({
            viewport,
            userAgent,
            proxy: { server: proxy.url(), username, password, bypass: '<-loopback>' },
            acceptDownloads: false,
            serviceWorkers: 'block',
          })
          const page = await context.newPage()
          page.on('dialog', (dialog) => void dialog.dismiss().catch(() => {}))
          return { page, context, failures, release: once(() => close(context, session)) }
        } catch (error) {
          session.end()
          throw error
        }
      } catch (error) {
        leave()
        if (error instanceof CheckFailure || signal.aborted) throw error
        throw new CheckFailure('browser_failed', 'The browser gave no page', { retry: 'always', cause: error })
      }
    },
    stop: end,
  }

  async function close(context: BrowserContext, session: ProxySession): Promise<void> {
    session.end()
    try {
      await context.close()
    } catch (error) {
      deps.logger.debug({ error }, 'a page was gone before it was closed')
    } finally {
      leave()
    }
  }
}

function once(close: () => Promise<void>): () => Promise<void> {
  let closing: Promise<void> | null = null
  return () => {
    closing ??= close()
    return closing
  }
}

function missing(named: string | null): CheckFailure {
  const what = named === null ? 'No Chromium was found on this machine' : `There is no browser at ${named}`
  const hint = 'Install Chromium, such as `apt-get install chromium`, or name one in checker.browser_executable'
  return new CheckFailure('browser_missing', what, { hint, retry: 'never' })
}

/** The browser's own, without the word that it has no window, and with ours. */
async function userAgentOf(browser: Browser, ours: string): Promise<string> {
  const context = await browser.newContext()
  try {
    const page = await context.newPage()
    const own = String(await page.evaluate('navigator.userAgent'))
    return `${own.replace('HeadlessChrome', 'Chrome')} ${ours}`
  } finally {
    await context.close()
  }
}
