import { type Browser, chromium, type Locator, type Page } from 'playwright-core'

const FLAGS = [
  '--no-sandbox', // containers and continuous integration run as root
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** A browser window of a person who uses the product, and what went wrong in it. */
export interface Window {
  readonly page: Page
  /** Errors that the page threw or logged. */
  readonly problems: string[]
  close(): Promise<void>
}

export async function openWindow(executablePath: string): Promise<Window> {
  const browser: Browser = await chromium.launch({ executablePath, args: FLAGS })
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => {
    // While the server is down the browser itself reports each refused connection; that is what the test makes happen.
    if (message.type() === 'error' && !/ERR_CONNECTION|WebSocket|Failed to load resource/.test(message.text())) {
      problems.push(message.text())
    }
  })
  return { page, problems, close: () => browser.close() }
}

export async function signIn(page: Page, address: string, password: string): Promise<void> {
  await page.goto(`${address}/signin`)
  await page.getByLabel('Name').fill('admin')
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL((url) => !url.pathname.startsWith('/signin'))
}

/** Opens the tree of the only host through the navigation, as a person does, and answers the host's name. */
export async function openTree(page: Page): Promise<string> {
  await page.getByRole('navigation', { name: 'Main' }).first().getByRole('link', { name: 'Hosts' }).click()
  await page.getByRole('main').getByRole('link').first().click()
  await page.waitForURL(/\/hosts\/[^/]+/)
  await page.getByRole('treegrid').waitFor()
  return decodeURIComponent(/\/hosts\/([^/?]+)/.exec(page.url())?.[1] ?? '')
}

/** Types into the tree's search field; matches stay with their parents above them. */
export async function searchTree(page: Page, text: string): Promise<void> {
  await page.getByLabel('Find processes by name, pid, user or command').fill(text)
}

/** The line of a pid in the tree. */
export function lineOf(page: Page, pid: number): Locator {
  const cell = page.getByRole('gridcell', { name: String(pid), exact: true })
  return page.getByRole('treegrid').getByRole('row').filter({ has: cell })
}

/** The pid that stands closest above a line, one level further left: its parent in the tree. */
export async function parentPid(page: Page, pid: number): Promise<number | null> {
  const lines = await page
    .getByRole('treegrid')
    .getByRole('row')
    .evaluateAll((rows) =>
      rows.slice(1).map((row) => ({
        level: Number(row.getAttribute('aria-level')),
        pid: Number(row.querySelectorAll('[role=gridcell]')[1]?.textContent),
        index: Number(row.getAttribute('aria-rowindex')),
      })),
    )
  lines.sort((a, b) => a.index - b.index)
  const at = lines.findIndex((line) => line.pid === pid)
  const own = lines[at]
  return own === undefined ? null : (lines.slice(0, at).findLast((line) => line.level === own.level - 1)?.pid ?? null)
}
