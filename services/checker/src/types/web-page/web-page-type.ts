import type { WebPageConfig } from '@driftline/checks/types/web'
import type { Json } from '@driftline/platform/metadata/tables'
import type { CheckAnswer, CheckContext, CheckTools, CreateCheckType } from '../../check-type.ts'
import { createReadPage, type Page, type ReadPage } from '../../facts/selectors.ts'
import { createTimeLimit } from '../../facts/time-limit.ts'
import type { HttpAnswer } from '../../net/guarded-http.ts'
import { requireRobots } from '../../net/robots.ts'
import { askHttp, bodyEvidence, bodyText, headerFact, httpResult, latencyFact, mediaTypeOf } from '../http/ask-http.ts'
import { type Crawl, crawlFrom } from './crawl.ts'
import { crawlFaults, crawlResult } from './crawl-words.ts'

/** Parsing a page of 5 MB takes about as long. */
const FACT_MS_MAX = 1000
const LINKS_SHOWN_MAX = 1000

export const createWebPageType: CreateCheckType<'web_page'> = (tools) => {
  const readPage = createReadPage({ limit: createTimeLimit(FACT_MS_MAX) })
  return { name: 'web_page', run: (config, context) => run({ ...tools, readPage }, config, context) }
}

type Tools = CheckTools & { readonly readPage: ReadPage }

async function run(tools: Tools, config: WebPageConfig, context: CheckContext): Promise<CheckAnswer> {
  if (!config.respectRobots) {
    context.log('robots.txt is asked all the same, unless an administrator lists the host as one’s own')
  }
  const rules = await requireRobots(tools, context, config.url)
  const headers = { accept: 'text/html, application/xhtml+xml, */*;q=0.8' }
  const { answer, cookies, faults } = await askHttp(tools, context, config, { method: 'GET', headers })
  let parsed: Page | undefined
  const page = (): Page => {
    parsed ??= tools.readPage(answer.body, mediaTypeOf(answer), answer.url)
    return parsed
  }
  const crawl =
    config.crawl === undefined || faults.length > 0
      ? null
      : await crawlFrom(
          { ...tools, rules },
          { config, limits: config.crawl, context, cookies },
          { answer, page: page() },
        )
  return {
    fact: (of, path) => factOf(of, path, answer, page, crawl),
    result: { ...httpResult(answer), ...(crawl === null ? {} : crawlResult(crawl)) },
    faults: crawl === null ? faults : [...faults, ...crawlFaults(crawl)],
    ...bodyEvidence(answer),
  }
}

function factOf(
  of: string,
  path: string | undefined,
  answer: HttpAnswer,
  page: () => Page,
  crawl: Crawl | null,
): Json | undefined {
  switch (of) {
    case 'status':
      return answer.status
    case 'latency':
      return latencyFact(answer)
    case 'header':
      return headerFact(answer, path)
    case 'body':
      return bodyText(answer)
    case 'url':
      return answer.url
    case 'title':
      return page().title()
    case 'text':
      return page().text(path)
    case 'count':
      return page().count(path ?? '*')
    case 'attribute':
      return page().attribute(path ?? '')
    case 'links':
      return page().links().slice(0, LINKS_SHOWN_MAX)
    case 'broken_links':
      return crawl?.broken.length
    default:
      return undefined
  }
}
