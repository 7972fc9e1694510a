import type { WebBrowserConfig } from '@driftline/checks/types/web'
import type { Json } from '@driftline/platform/metadata/tables'
import type { Page, Response } from 'playwright-core'
import type { BorrowedPage } from '../../browser/browser-pool.ts'
import type { CheckAnswer, CheckContext, CheckFailure, CreateCheckType } from '../../check-type.ts'
import { requireRobots } from '../../net/robots.ts'
import { act, createFillValues, type FillValues } from './actions.ts'
import { pageFailure, shown, statusFault, timeLeftMs } from './page-failures.ts'

/** Of a screenshot, as evidence keeps them; each quality is tried until it is small enough. */
const SCREENSHOT_BYTES_MAX = 524_288
const SCREENSHOT_QUALITIES = [60, 30, 10]
/** Facts are read from a page that stands still; what does not answer by then is not there. */
const FACT_MS = 2000
const TEXT_LENGTH_MAX = 100_000

/** Opens the page in a real browser, does what the step says, and looks at what is there then. */
export const createWebBrowserType: CreateCheckType<'web_browser'> = (tools) => ({
  name: 'web_browser',
  async run(config, context) {
    const { tenant, signal } = context
    await requireRobots(tools, context, config.url)
    const leave = await tools.limits.enter(tenant, new URL(config.url).hostname, signal)
    try {
      const borrowed = await tools.browsers.borrow(tenant, { viewport: config.viewport, signal })
      // Whatever is under way in the page ends with it.
      const abort = (): void => void borrowed.release()
      signal.addEventListener('abort', abort, { once: true })
      const close = async (): Promise<void> => {
        signal.removeEventListener('abort', abort)
        await borrowed.release()
      }
      try {
        return await visit(config, context, borrowed, createFillValues(config, tools.credentials, context), close)
      } catch (error) {
        await close()
        throw error
      }
    } finally {
      leave()
    }
  },
})

async function visit(
  config: WebBrowserConfig,
  context: CheckContext,
  borrowed: BorrowedPage,
  values: FillValues,
  close: () => Promise<void>,
): Promise<CheckAnswer> {
  const { page } = borrowed
  const startedMs = performance.now()
  let fault: CheckFailure | null = null
  let response: Response | null = null
  try {
    context.log(`open ${shown(config.url)}`)
    response = await page.goto(config.url, { waitUntil: 'load', timeout: timeLeftMs(context) })
    context.log(`${response?.status() ?? 'no'} answer, "${(await page.title()).slice(0, 100)}"`)
    for (const [index, action] of config.actions.entries()) {
      context.log(`${index + 1}. ${action.do}${'selector' in action ? ` ${action.selector}` : ''}`)
      await act(page, action, index, context, values)
    }
  } catch (error) {
    if (context.signal.aborted) throw error
    fault = pageFailure(error, borrowed, config)
  }
  const latency = Math.round(performance.now() - startedMs)
  const status = response?.status() ?? null
  const faults = fault === null ? [] : [{ of: 'page', failure: fault }]
  if (fault === null && status !== null && status >= 400) faults.push(statusFault(status))
  return {
    fact: (of, path) => factOf(page, { status, latency }, of, path),
    result: { url: shown(page.url()), status, title: await page.title().catch(() => ''), latencyMs: latency },
    faults,
    screenshot: () => screenshotOf(page),
    close,
  }
}

async function factOf(
  page: Page,
  known: { readonly status: number | null; readonly latency: number },
  of: string,
  path: string | undefined,
): Promise<Json | undefined> {
  if (of === 'status') return known.status ?? undefined
  if (of === 'latency') return known.latency
  if (of === 'title') return page.title()
  if (of === 'url') return page.url()
  // biome-ignore lint/performance/useDomNodeTextContent: what people see is meant, not what the document holds
  if (of === 'text' && path === undefined) return cut(await page.locator('body').innerText({ timeout: FACT_MS }))
  return factAt(page, of, path ?? 'body')
}

/** A fact of the first element that a selector finds; `attribute` has its name behind the last @. */
async function factAt(page: Page, of: string, path: string): Promise<Json | undefined> {
  const [, selector = path, attribute] = of === 'attribute' ? (/^(.*)@([\w:.-]+)$/.exec(path) ?? []) : []
  const all = page.locator(selector)
  try {
    if (of === 'count') return await all.count()
    if ((await all.count()) === 0) return of === 'visible' ? false : undefined
    const first = all.first()
    if (of === 'visible') return await first.isVisible()
    if (of === 'value') return cut(await first.inputValue({ timeout: FACT_MS }))
    if (of === 'attribute') return (await first.getAttribute(attribute ?? '', { timeout: FACT_MS })) ?? undefined
    // biome-ignore lint/performance/useDomNodeTextContent: as above
    return cut(await first.innerText({ timeout: FACT_MS }))
  } catch (error) {
    throw pageFailure(error, null, { selector: path })
  }
}

const cut = (text: string): string => text.trim().slice(0, TEXT_LENGTH_MAX)

/** Passwords are masked by the page itself, and what people typed is not shown. */
async function screenshotOf(page: Page): Promise<Uint8Array | null> {
  for (const quality of SCREENSHOT_QUALITIES) {
    const mask = [page.locator('input:not([type=checkbox]):not([type=radio]), textarea')]
    const picture = await page.screenshot({ type: 'jpeg', quality, mask, timeout: FACT_MS }).catch(() => null)
    if (picture === null || picture.length <= SCREENSHOT_BYTES_MAX) return picture
  }
  return null
}
