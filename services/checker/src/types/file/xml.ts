const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/**
 * What stands in the elements of this name, as it is written. For the answers of S3, which have no attributes worth
 * reading and never an element within another of the same name. Takes time in proportion to the length.
 */
export function readTags(xml: string, name: string): string[] {
  const found: string[] = []
  const open = `<${name}>`
  const close = `</${name}>`
  for (let at = xml.indexOf(open); at >= 0; ) {
    const end = xml.indexOf(close, at)
    if (end < 0) break
    found.push(xml.slice(at + open.length, end))
    at = xml.indexOf(open, end)
  }
  return found
}

/** Texts of the elements that hold nothing but text, by name; the first of each. */
export function readFields(xml: string): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {}
  for (const [, name, text] of xml.matchAll(/<([A-Za-z]+)>([^<]*)<\//g)) fields[name!] ??= unescaped(text!)
  return fields
}

function unescaped(text: string): string {
  return text.replace(/&(#x?[0-9a-f]+|[a-z]+);/gi, (whole, name: string) => {
    if (!name.startsWith('#')) return ENTITIES[name] ?? whole
    const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1))
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })
}
