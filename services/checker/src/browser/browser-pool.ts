import type { BrowserContext, Page } from 'playwright-core'

/** A page of its own context, whose whole traffic goes through the guard. */
export interface BorrowedPage {
  readonly page: Page
  readonly context: BrowserContext
  /** Closes the context; the browser stays for the next. */
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
