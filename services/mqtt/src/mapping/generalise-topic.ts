import { wordsOf } from './units.ts'

/** A topic made into a template: which levels vary, and what they are called. */
export interface GeneralTopic {
  readonly template: string
  /** Placeholders that tell machines apart, in order. */
  readonly names: readonly string[]
  /** Levels that stayed literal, for a process that has no placeholders. */
  readonly literals: readonly string[]
  /** Whether the last level names the metric. */
  readonly hasMetric: boolean
}

/** Words that a level is made of when it is an instance, such as `plant-b` or `press_3`, and what to call the level. */
const kinds: readonly { readonly words: RegExp; readonly name: string }[] = [
  { words: /^(site|plant|factory|fab|werk|location|campus|branch)$/, name: 'site' },
  { words: /^(area|hall|building|bldg|floor|zone|room|dept)$/, name: 'area' },
  { words: /^(line|cell|station|row)$/, name: 'line' },
  {
    words:
      /^(machine|press|robot|pump|motor|compressor|device|dev|oven|furnace|plc|unit|node|sensor|meter|mixer|cnc|mill|lathe|conveyor|valve|tank|boiler|chiller|fan|drive|gateway|gw|asset|m|c|p)$/,
    name: 'machine',
  },
]

/** Levels that say what kind of message it is, not which machine. */
const GENERIC =
  /^(telemetry|data|state|status|value|values|reading|readings|measurement|measurements|events?|json|raw|live|up|out|tele|stat|sensor|sensors|climate)$/i

/** An instance by its look: a number at the end or alone, a long hexadecimal name, a known word and a suffix. */
function looksLikeInstance(level: string): boolean {
  if (/\d$/.test(level) && !/^v\d$/.test(level)) return true
  if (/^[0-9a-f-]{8,}$/i.test(level) && /\d/.test(level)) return true
  const [first, ...rest] = wordsOf(level).split('_')
  return rest.length > 0 && kinds.some(({ words }) => words.test(first!))
}

const kindOf = (level: string): string | null => {
  const first = wordsOf(level).split('_')[0]!.replace(/\d+$/, '')
  return kinds.find(({ words }) => words.test(first))?.name ?? null
}

/**
 * Makes a topic general over its siblings, given as levels: topics with as many of them. A level varies when some sibling differs in it
 * alone, or when it looks like an instance; the last level of a plain number is the name of its metric.
 */
export function generaliseTopic(topic: string, siblings: Iterable<readonly string[]>, isNumber: boolean): GeneralTopic {
  const levels = topic.split('/')
  const varies = levels.map(looksLikeInstance)
  for (const sibling of siblings) {
    const at = onlyDifference(levels, sibling)
    if (at >= 0) varies[at] = true
  }
  const last = levels.length - 1
  const hasMetric = isNumber && last > 0 && !GENERIC.test(levels[last]!)
  // A generic last level stays, whatever stands beside it: `status` says something else than `telemetry`.
  if (hasMetric || GENERIC.test(levels[last]!)) varies[last] = false
  const names = nameLevels(levels, varies)
  const template = levels.map((level, i) => (hasMetric && i === last ? '{metric}' : (names[i] ?? literal(level))))
  return {
    template: template.join('/'),
    names: names.filter((name) => name !== null).map((name) => name.slice(1, -1)),
    literals: levels.filter((level, i) => !(hasMetric && i === last) && !GENERIC.test(level) && level !== ''),
    hasMetric,
  }
}

/** A level that cannot stand in a template as it is matches as whatever it is. */
const literal = (level: string): string => (/[{}+#]/.test(level) ? '+' : level)

/** The level in which a sibling differs, when it is the only one; -1 otherwise. */
function onlyDifference(levels: readonly string[], others: readonly string[]): number {
  if (others.length !== levels.length) return -1
  let at = -1
  for (let i = 0; i < levels.length; i++) {
    if (levels[i] === others[i]) continue
    if (at >= 0) return -1
    at = i
  }
  return at
}

/** Placeholders by what the levels are called, else by their place: the last one is the machine, the first the site. */
function nameLevels(levels: readonly string[], varies: readonly boolean[]): (string | null)[] {
  const places = levels.flatMap((_level, i) => (varies[i] ? [i] : []))
  const taken = new Set<string>(['metric'])
  const names: (string | null)[] = levels.map(() => null)
  const give = (place: number, wished: string): void => {
    let name = wished
    for (let n = 2; taken.has(name); n++) name = `${wished}${n}`
    taken.add(name)
    names[place] = `{${name}}`
  }
  for (const place of places) {
    const kind = kindOf(levels[place]!)
    if (kind !== null && !taken.has(kind)) give(place, kind)
  }
  for (const place of [...places].reverse()) {
    if (names[place] !== null) continue
    const before = levels[place - 1]
    const isFirst = place === places[0]
    const byPlace = !taken.has('machine') ? 'machine' : isFirst && !taken.has('site') ? 'site' : 'level'
    give(
      place,
      before !== undefined && kindOf(before) !== null && !taken.has(kindOf(before)!) ? kindOf(before)! : byPlace,
    )
  }
  return names
}
