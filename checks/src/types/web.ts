import { z } from 'zod'
import { credentialName, httpCommon, httpUrl, judged, template } from './parts.ts'

/** A page that is fetched and parsed, and, with `crawl`, the pages of its origin that it links to. */
export const webPageConfig = z
  .strictObject({
    ...httpCommon,
    ...judged,
    respectRobots: z.boolean().default(true).describe('False only where an administrator lists the host as one’s own'),
    crawl: z
      .strictObject({
        pagesMax: z.number().int().min(1).max(500).default(20),
        depthMax: z.number().int().min(1).max(10).default(2),
        mustContain: z.string().max(1000).optional().describe('Text that every page must have'),
        ignore: z.array(z.string().max(1000)).max(50).default([]).describe('RE2: addresses that are not followed'),
        checkExternal: z.boolean().default(false).describe('Ask whether links to other origins answer'),
      })
      .optional(),
  })
  .meta({ id: 'WebPageConfig' })
export type WebPageConfig = z.infer<typeof webPageConfig>

const selector = template(1000).describe('CSS selector, or Playwright’s `text=...` and `role=...`')

export const browserAction = z
  .discriminatedUnion('do', [
    z.strictObject({ do: z.literal('goto'), url: httpUrl }),
    z.strictObject({ do: z.literal('click'), selector }),
    z.strictObject({
      do: z.literal('fill'),
      selector,
      value: z.string().max(10_000).describe('`{{credential.username}}` and such take from the credential'),
    }),
    z.strictObject({ do: z.literal('select'), selector, value: z.string().max(1000) }),
    z.strictObject({ do: z.literal('press'), selector: selector.optional(), key: z.string().min(1).max(50) }),
    z.strictObject({ do: z.literal('wait'), selector, state: z.enum(['visible', 'hidden']).default('visible') }),
    z.strictObject({ do: z.literal('wait_for_url'), url: template(4000).describe('With * as a wildcard') }),
  ])
  .meta({ id: 'BrowserAction' })
export type BrowserAction = z.infer<typeof browserAction>

/** A page in a real browser. */
export const webBrowserConfig = z
  .strictObject({
    url: httpUrl,
    credential: credentialName.optional(),
    respectRobots: z.boolean().default(true),
    actions: z.array(browserAction).max(50).default([]),
    viewport: z
      .strictObject({ width: z.number().int().min(200).max(4000), height: z.number().int().min(200).max(4000) })
      .default({ width: 1280, height: 800 }),
    ...judged,
  })
  .meta({ id: 'WebBrowserConfig' })
export type WebBrowserConfig = z.infer<typeof webBrowserConfig>
