/**
 * The subscriptions for a set of filters, none of which overlaps another: a broker may send a message once for each
 * subscription that it matches (MQTT 5.0, 3.3.4), and then it would be counted twice. Filters that overlap in part are
 * replaced by one that covers both; what it brings besides is passed over.
 */
export function separateFilters(filters: readonly string[]): string[] {
  const left = new Set<string>()
  for (let filter of filters) {
    for (let again = true; again; ) {
      again = false
      for (const other of left) {
        if (!overlap(filter, other)) continue
        left.delete(other)
        filter = coverOf(filter, other)
        again = true
      }
    }
    left.add(filter)
  }
  return [...left].sort()
}

/** Whether some topic matches both. Wildcards in the first place do not match topics of the broker itself. */
export function overlap(one: string, other: string): boolean {
  const [a, b] = [one.split('/'), other.split('/')]
  if (one.startsWith('$') !== other.startsWith('$')) return false
  for (let at = 0; ; at++) {
    const [x, y] = [a[at], b[at]]
    if (x === '#' || y === '#') return true
    if (x === undefined || y === undefined) {
      // `plant/#` matches `plant` too.
      return x === y || (x ?? y) === '#'
    }
    if (x !== '+' && y !== '+' && x !== y) return false
  }
}

/** The narrowest filter that matches whatever one of the two matches. */
function coverOf(one: string, other: string): string {
  const [a, b] = [one.split('/'), other.split('/')]
  const cover: string[] = []
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const [x, y] = [a[at], b[at]]
    if (x === '#' || y === '#' || x === undefined || y === undefined) return [...cover, '#'].join('/')
    cover.push(x === y ? x : '+')
  }
  return cover.join('/')
}

/** Whether a topic matches a filter (MQTT 5.0, 4.7). */
export function matchesFilter(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false
  const [levels, parts] = [topic.split('/'), filter.split('/')]
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at]
    if (part === '#') return true
    if (at >= levels.length || (part !== '+' && part !== levels[at])) return false
  }
  return levels.length === parts.length
}

/** What is wrong with a filter, in words; null when it is one (MQTT 5.0, 4.7.1). */
export function problemOfFilter(filter: string): string | null {
  if (filter === '' || filter.includes('\0')) return 'a topic filter is at least one character, none of them NUL'
  if (Buffer.byteLength(filter) > 65_535) return 'a topic filter is at most 65,535 bytes'
  const parts = filter.split('/')
  const wrong = parts.find((part, at) => {
    if (part.includes('#')) return part !== '#' || at < parts.length - 1
    return part.includes('+') && part !== '+'
  })
  return wrong === undefined ? null : `"${wrong}": + stands for a whole level, # for all that follow`
}
