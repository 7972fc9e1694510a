import {
  type Episode,
  episodeKeyOf,
  type Finding,
  type Link,
  type StepConfig,
  stepEpisode,
} from '../episodes/episode.ts'
import { matchRules } from '../rules.ts'

const rules = (['critical', 'warning'] as const).map((severity) => ({
  name: `${severity}_anomaly`,
  severity,
  types: null,
  processes: null,
  channels: null,
  escalationMs: null,
}))

/** Episodes and anomalies in memory, kept as the store keeps them. */
export function createWorld(config: StepConfig) {
  const episodes = new Map<string, Episode>()
  const links = new Map<string, Link>()
  const versions: string[] = []

  function viewOf(finding: Finding) {
    const link = links.get(finding.id) ?? null
    const ofKey = [...episodes.values()].filter(({ key }) => key === episodeKeyOf(finding))
    const known = link !== null && link.alertId !== null ? episodes.get(link.alertId) : undefined
    const latest = ofKey.sort((a, b) => b.openedAtMs - a.openedAtMs)[0]
    const episode = known ?? ofKey.find(({ status }) => status !== 'resolved') ?? latest ?? null
    const othersActive = [...links].some(
      ([id, each]) => id !== finding.id && each.active && each.alertId !== null && each.alertId === episode?.id,
    )
    return { link, episode, othersActive }
  }

  return {
    take(finding: Finding): void {
      const match = matchRules(rules, finding)
      const step = stepEpisode(config, viewOf(finding), finding, match === null ? null : { ...match, recipients: [] })
      if (step.verdict === 'skip') return
      links.set(finding.id, step.link)
      if (step.change === null) return
      const { episode } = step.change
      if ((episodes.get(episode.id)?.version ?? 0) + 1 !== episode.version) throw new Error('a version was left out')
      versions.push(`${episode.id} ${episode.version}`)
      episodes.set(episode.id, episode)
    },
    links: () => [...links].map(([id, each]) => ({ id, ...each })),
    openEpisodes: () => [...episodes.values()].filter(({ status }) => status !== 'resolved'),
    snapshot: () =>
      JSON.stringify([
        [...episodes],
        [...links].flatMap(([id, { alertId, active }]) => (alertId === null ? [] : [[id, alertId, active]])),
      ]),
    /** One open episode of a key at most; open exactly while one of its anomalies lasts; each version once. */
    checkConsistency(): void {
      const open = [...episodes.values()].filter(({ status }) => status !== 'resolved')
      if (new Set(open.map(({ key }) => key)).size !== open.length) throw new Error('two open episodes of one key')
      for (const { id, status } of episodes.values()) {
        const lasts = [...links.values()].some((each) => each.alertId === id && each.active)
        if (lasts !== (status !== 'resolved')) throw new Error(`${id} is ${status}, its anomalies last: ${lasts}`)
      }
      if (new Set(versions).size !== versions.length) throw new Error('a version was made twice')
    },
  }
}
