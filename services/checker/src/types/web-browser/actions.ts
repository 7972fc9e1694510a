import { credentialField } from '@driftline/checks/templates'
import type { BrowserAction, WebBrowserConfig } from '@driftline/checks/types/web'
import type { Page } from 'playwright-core'
import { type CheckContext, CheckFailure } from '../../check-type.ts'
import type { Credentials } from '../../vault/credentials.ts'
import { timeLeftMs } from './page-failures.ts'

/** Fills in `{{credential.<field>}}`, only for a page of a host that the credential is for. */
export interface FillValues {
  /** Errors: CheckFailure `credential_unknown`, `credential_not_for_host`, `config_invalid`. */
  of(text: string, pageUrl: string): Promise<string>
}

const TEMPLATE = /\{\{\s*([^{}]*?)\s*\}\}/g

export function createFillValues(
  config: WebBrowserConfig,
  credentials: Credentials,
  context: CheckContext,
): FillValues {
  return {
    async of(text, pageUrl) {
      const fields = [...text.matchAll(TEMPLATE)].flatMap((match) => credentialField(match[1] ?? '') ?? [])
      if (fields.length === 0) return text
      if (config.credential === undefined) {
        throw new CheckFailure('config_invalid', 'An action takes from a credential, and the step names none', {
          retry: 'never',
        })
      }
      // Asked for each page: a redirect elsewhere must not be given what is for the first host.
      const { tenant, signal } = context
      const host = new URL(pageUrl).hostname
      const use = { tenant, host, signal, secret: (secret: string) => context.secret(secret) }
      const { name, fields: known } = await credentials.open(config.credential, use)
      return text.replace(TEMPLATE, (whole, reference: string) => {
        const field = credentialField(reference)
        if (field === null) return whole
        const value = Object.hasOwn(known, field) ? known[field] : undefined
        if (value === undefined) {
          throw new CheckFailure('config_invalid', `The credential ${name} has no field ${field}`, { retry: 'never' })
        }
        return value
      })
    },
  }
}

/** Does one thing in the page. Errors: those of Playwright and of `values`. */
export async function act(
  page: Page,
  action: BrowserAction,
  index: number,
  context: CheckContext,
  values: FillValues,
): Promise<void> {
  const timeout = timeLeftMs(context)
  switch (action.do) {
    case 'goto':
      await page.goto(action.url, { waitUntil: 'load', timeout })
      return
    case 'click':
      await page.locator(action.selector).first().click({ timeout })
      return
    case 'fill':
      await page
        .locator(action.selector)
        .first()
        .fill(await values.of(action.value, page.url()), { timeout })
      return
    case 'select':
      await page.locator(action.selector).first().selectOption(action.value, { timeout })
      return
    case 'press':
      if (action.selector === undefined) await page.keyboard.press(action.key)
      else await page.locator(action.selector).first().press(action.key, { timeout })
      return
    case 'wait':
      await page.locator(action.selector).first().waitFor({ state: action.state, timeout })
      return
    case 'wait_for_url':
      await page.waitForURL(action.url, { timeout, waitUntil: 'load' })
      return
    default:
      throw new CheckFailure('config_invalid', `Action ${index + 1} is none that is known`, { retry: 'never' })
  }
}
