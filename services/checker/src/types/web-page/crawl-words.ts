import type { Json } from '@driftline/platform/metadata/tables'
import { type CheckAnswer, CheckFailure } from '../../check-type.ts'
import type { Crawl } from './crawl.ts'

const NAMED_MAX = 3
const LISTED_MAX = 50

/** What everybody may see of a crawl. */
export function crawlResult(crawl: Crawl): { readonly [name: string]: Json } {
  const { pages, links, broken, missing, refused, stopped } = crawl
  return {
    pages,
    links,
    brokenLinks: broken
      .slice(0, LISTED_MAX)
      .map(({ link, page, why }) => ({ link: place(link), page: place(page), why })),
    pagesWithoutText: missing.slice(0, LISTED_MAX).map(place),
    ...(refused > 0 ? { leftForRobots: refused } : {}),
    ...(stopped === null ? {} : { stoppedBy: stopped }),
  }
}

/** Broken links and pages that lack what every page must have. */
export function crawlFaults({ broken, missing, links, pages }: Crawl): NonNullable<CheckAnswer['faults']> {
  const faults: { of: string; failure: CheckFailure }[] = []
  if (broken.length > 0) {
    const named = broken.map(({ link, page, why }) => {
      return `${place(link)} ${/^\d+$/.test(why) ? `answered ${why}` : `(${why})`}, linked from ${pathOf(page)}`
    })
    const message = `${broken.length} of ${links} links ${broken.length === 1 ? 'is' : 'are'} broken: ${few(named)}`
    const hint = 'Correct the links, or list addresses to leave out under ignore'
    faults.push({ of: 'broken_links', failure: new CheckFailure('links_broken', message, { hint }) })
  }
  if (missing.length > 0) {
    const message = `${missing.length} of ${pages} pages ${missing.length === 1 ? 'lacks' : 'lack'} the text that every page must have: ${few(missing.map(pathOf))}`
    const hint = 'Open the pages: an error may have been answered with status 200'
    faults.push({ of: 'content', failure: new CheckFailure('content_missing', message, { hint }) })
  }
  return faults
}

function few(texts: readonly string[]): string {
  const left = texts.length - NAMED_MAX
  return left > 0 ? `${texts.slice(0, NAMED_MAX).join('; ')}; and ${left} more` : texts.join('; ')
}

/** Without query: it may hold what is not for everybody. */
function place(url: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}

function pathOf(url: string): string {
  return new URL(url).pathname
}
