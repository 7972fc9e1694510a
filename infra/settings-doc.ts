import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SettingsSpec } from '@driftline/platform/settings'

/** The page that lists every setting, made from the specifications that the services read. */
export function settingsPage(sections: readonly { title: string; spec: SettingsSpec }[]): string {
  const seen = new Set<string>()
  const parts = sections.map(({ title, spec }) => {
    const rows = Object.values(spec)
      .filter((each) => !seen.has(each.key) && seen.add(each.key))
      .map((each) => `| \`${each.key}\` | \`${each.env}\` | ${shown(each.fallback)} | ${each.about} |`)
    return rows.length === 0
      ? ''
      : `## ${title}\n\n| key | variable | default | what |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`
  })
  return `# Settings

Made from the code by \`make settings\`. The environment overrides \`driftline.yaml\`, which overrides the default. A list in the file replaces the default list; in a variable it is written as in the file, such as \`[a, b]\`. \`node services/all-in-one/dist/main.js --check-config\` checks and exits; it reports all problems at once.

${parts.filter((part) => part !== '').join('\n')}`
}

function shown(fallback: unknown): string {
  if (fallback === undefined) return 'not set'
  const root = join(import.meta.dirname, '..')
  const text = (typeof fallback === 'string' ? fallback : JSON.stringify(fallback)).replace(`${root}/`, '')
  return text === '' ? 'empty' : `\`${text}\``.replaceAll('|', '\\|')
}

if (process.argv[1] === import.meta.filename) {
  const { settingsSections } = await import('../services/all-in-one/src/config.ts')
  writeFileSync(join(import.meta.dirname, '../docs/SETTINGS.md'), settingsPage(settingsSections))
}
