import type { Clock } from '@driftline/platform/clock'
import robotsParser, { type Robot } from 'robots-parser'
import { CheckFailure } from '../check-type.ts'
import { type AddressGuard, matchesHost } from './address-guard.ts'
import type { GuardedHttp, HttpAnswer } from './guarded-http.ts'
import type { NetworkPolicies } from './network-policies.ts'

/** What a host asks of robots, by its robots.txt (RFC 9309). */
export interface Robots {
  /**
   * Whether an address may be fetched. Hosts of one's own (by the policy of the tenant), the product and its demo
   * target are not asked. Errors: CheckFailure `robots_refused` when robots.txt answers 5xx, which means that nothing
   * may be fetched; those of GuardedHttp when the host cannot be asked at all.
   */
  rulesFor(url: string, use: RobotsUse): Promise<RobotRules>
}

export interface RobotsUse {
  readonly tenant: string
  readonly signal: AbortSignal
  log(text: string): void
}

export interface RobotRules {
  allows(url: string): boolean
  /** Between two requests; 0 where none is asked for. */
  readonly crawlDelayMs: number
}

const ALLOW_ALL: RobotRules = { allows: () => true, crawlDelayMs: 0 }

const AGENT = 'Driftline'
const KEPT_MS = 3_600_000
/** A server in trouble is asked again soon. */
const REFUSED_KEPT_MS = 10_000
const KEPT_MAX = 1000
/** RFC 9309, section 2.5. */
const BYTES_MAX = 512_000
const CRAWL_DELAY_MS_MAX = 30_000

interface Kept {
  readonly rules: RobotRules | CheckFailure
  readonly untilMs: number
}

export interface RobotsDeps {
  readonly http: GuardedHttp
  readonly guard: Pick<AddressGuard, 'isExempt'>
  readonly policies: NetworkPolicies
  readonly clock: Clock
}

export function createRobots(deps: RobotsDeps): Robots {
  const kept = new Map<string, Kept>()
  return {
    async rulesFor(url, use) {
      const { origin, hostname, port, protocol } = new URL(url)
      const { ownHosts } = await deps.policies.of(use.tenant)
      const isOwn = ownHosts.some((pattern) => matchesHost(pattern, hostname))
      if (isOwn || deps.guard.isExempt(hostname, Number(port) || (protocol === 'https:' ? 443 : 80))) return ALLOW_ALL
      const key = JSON.stringify([use.tenant, origin])
      const nowMs = deps.clock.nowMs()
      let entry = kept.get(key)
      if (entry === undefined || entry.untilMs <= nowMs || entry.untilMs > nowMs + KEPT_MS) {
        const rules = await fetchRules(deps.http, origin, use)
        const isRefusal = rules instanceof CheckFailure
        entry = { rules, untilMs: nowMs + (isRefusal ? REFUSED_KEPT_MS : KEPT_MS) }
        kept.delete(key)
        kept.set(key, entry)
        if (kept.size > KEPT_MAX) kept.delete(kept.keys().next().value!)
      }
      if (entry.rules instanceof CheckFailure) throw entry.rules
      return entry.rules
    },
  }
}

/** One memory of rules for all that fetch through the same client, and no longer than that one lives. */
const robotsOf = new WeakMap<GuardedHttp, Robots>()

/**
 * The rules for an address that they allow to be fetched. An address that is none is left to whoever fetches it.
 * Errors: as `Robots.rulesFor`, and `robots_refused` when the rules do not allow it.
 */
export async function requireRobots(deps: RobotsDeps, use: RobotsUse, url: string): Promise<RobotRules> {
  if (!URL.canParse(url) || !/^https?:/i.test(url)) return ALLOW_ALL
  const robots = robotsOf.get(deps.http) ?? createRobots(deps)
  robotsOf.set(deps.http, robots)
  const rules = await robots.rulesFor(url, use)
  if (!rules.allows(url)) throw robotsRefusal(url)
  return rules
}

function robotsRefusal(url: string): CheckFailure {
  const { origin, pathname, hostname } = new URL(url)
  return new CheckFailure(
    'robots_refused',
    `The robots.txt of ${origin} does not allow ${AGENT} to fetch ${pathname}`,
    {
      hint: `If ${hostname} is your own, let an administrator list it under Settings, Network, own hosts`,
      retry: 'never',
    },
  )
}

async function fetchRules(http: GuardedHttp, origin: string, use: RobotsUse): Promise<RobotRules | CheckFailure> {
  const { tenant, signal } = use
  const url = `${origin}/robots.txt`
  const answer = await http.request({ tenant, signal, method: 'GET', url, bodyBytesMax: BYTES_MAX })
  if (answer.status >= 500) return unreadable(origin, answer)
  // RFC 9309, section 2.3.1.3: who has none, or does not show it, allows everything.
  if (answer.status >= 300) return ALLOW_ALL
  use.log(`Read the robots.txt of ${origin}`)
  const robot: Robot = robotsParser(url, answer.body.toString('utf8'))
  const delayMs = (robot.getCrawlDelay(AGENT) ?? 0) * 1000
  return {
    allows: (asked) => robot.isAllowed(asked, AGENT) !== false,
    crawlDelayMs: Number.isFinite(delayMs) ? Math.min(Math.max(0, delayMs), CRAWL_DELAY_MS_MAX) : 0,
  }
}

function unreadable(origin: string, { status }: HttpAnswer): CheckFailure {
  return new CheckFailure(
    'robots_refused',
    `status was ${status} for ${origin}/robots.txt, expected below 500: what it allows is unknown, so no page was fetched`,
    {
      hint: 'See the log of the service; if the host is your own, an administrator can list it under Settings, Network',
      retry: 'always',
    },
  )
}
