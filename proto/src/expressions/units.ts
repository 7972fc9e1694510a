/**
 * A unit: exponents of its base units, and what one of it is in them. Units that only need to equal themselves, such
 * as `Cel` or `{request}`, are base units of their own.
 */
export interface Unit {
  readonly dims: ReadonlyMap<string, number>
  readonly scale: number
  /** The part of `scale` that comes from times: what is needed to compare with a plain `5/min`. */
  readonly timeScale: number
}

/** The base unit of numbers whose source names no unit: they compare with plain numbers and with each other only. */
const PLAIN = 'plain'
export const BYTE = 'By'
export const SECOND = 's'

const unit = (dims: readonly (readonly [string, number])[], scale: number, timeScale = 1): Unit => ({
  dims: new Map(dims.filter(([, exponent]) => exponent !== 0)),
  scale,
  timeScale,
})

/** A share, a ratio, a pure number. */
export const ONE = unit([], 1)
export const plainUnit = unit([[PLAIN, 1]], 1)
export const perSecond = unit([[SECOND, -1]], 1)

const time = (seconds: number): Unit => unit([[SECOND, 1]], seconds, seconds)
const bytes = (count: number): Unit => unit([[BYTE, 1]], count)

const TIMES: ReadonlyMap<string, Unit> = new Map([
  ['ns', time(1e-9)],
  ['us', time(1e-6)],
  ['µs', time(1e-6)],
  ['ms', time(1e-3)],
  ['s', time(1)],
  ['sec', time(1)],
  ['m', time(60)],
  ['min', time(60)],
  ['h', time(3600)],
  ['d', time(86_400)],
])

const prefixed = ['K', 'M', 'G', 'T', 'P'].flatMap((prefix, index): [string, Unit][] => [
  [`${prefix}B`, bytes(1000 ** (index + 1))],
  [`${prefix}iB`, bytes(1024 ** (index + 1))],
])

/** What a number in an expression may carry. */
const WRITTEN: ReadonlyMap<string, Unit> = new Map([
  ...TIMES,
  ...prefixed,
  ['kB', bytes(1000)],
  ['B', bytes(1)],
  ['By', bytes(1)],
  ['%', unit([], 0.01)],
  ['core', unit([['{cpu}', 1]], 1)],
  ['cores', unit([['{cpu}', 1]], 1)],
  ['Cel', unit([['Cel', 1]], 1)],
  ['°C', unit([['Cel', 1]], 1)],
])

/** What a metric may be measured in beside what can be written: UCUM codes with a scale of their own. */
const MEASURED: ReadonlyMap<string, Unit> = new Map([
  ...WRITTEN,
  ['1', ONE],
  ['m', unit([['m', 1]], 1)],
  ['kBy', bytes(1000)],
  ['KBy', bytes(1000)],
  ['MBy', bytes(1e6)],
  ['GBy', bytes(1e9)],
  ['TBy', bytes(1e12)],
  ['KiBy', bytes(1024)],
  ['MiBy', bytes(1024 ** 2)],
  ['GiBy', bytes(1024 ** 3)],
  ['TiBy', bytes(1024 ** 4)],
])

/** The unit that a number in an expression carries, such as `GB`, `%`, `MB/s`; undefined for one that nobody knows. */
export function writtenUnit(text: string): Unit | undefined {
  const slash = text.indexOf('/')
  if (slash === -1) return WRITTEN.get(text)
  const below = TIMES.get(text.slice(slash + 1))
  const above = slash === 0 ? ONE : WRITTEN.get(text.slice(0, slash))
  return below === undefined || above === undefined ? undefined : divide(above, below)
}

export const isTimeUnit = (text: string): boolean => TIMES.has(text)

/** `5/min`: a number per time whose numerator is whatever it is compared with. */
export const isOpenUnit = (text: string): boolean => text.startsWith('/')

/** The unit of a metric from its UCUM code; a plain number for the empty text. */
export function measuredUnit(ucum: string): Unit {
  if (ucum === '') return plainUnit
  let product = ONE
  let below = false
  for (const part of ucum.split(/([./])/)) {
    if (part === '/' || part === '.') below = part === '/'
    else if (part !== '') {
      const factor = MEASURED.get(part) ?? unit([[part, 1]], 1)
      product = below ? divide(product, factor) : multiply(product, factor)
    }
  }
  return product
}

export function multiply(left: Unit, right: Unit): Unit {
  const dims = new Map(left.dims)
  for (const [base, exponent] of right.dims) dims.set(base, (dims.get(base) ?? 0) + exponent)
  return unit([...dims], left.scale * right.scale, left.timeScale * right.timeScale)
}

export function divide(left: Unit, right: Unit): Unit {
  const dims = new Map(left.dims)
  for (const [base, exponent] of right.dims) dims.set(base, (dims.get(base) ?? 0) - exponent)
  return unit([...dims], left.scale / right.scale, left.timeScale / right.timeScale)
}

export function sameDims(left: Unit, right: Unit): boolean {
  if (left.dims.size !== right.dims.size) return false
  for (const [base, exponent] of left.dims) if (right.dims.get(base) !== exponent) return false
  return true
}

const WORDS: ReadonlyMap<string, string> = new Map([
  ['', 'a share or pure number'],
  [PLAIN, 'a number without unit'],
  [BYTE, 'bytes'],
  [SECOND, 'a time'],
  ['{cpu}', 'CPU cores'],
  ['Cel', 'degrees Celsius'],
])

/** A unit for people: `bytes`, `a time`, `bytes per second`. */
export function unitInWords({ dims }: Unit): string {
  const name = (base: string): string => WORDS.get(base) ?? base.replace(/^\{(.*)\}$/, '$1')
  const power = ([base, exponent]: [string, number]): string =>
    Math.abs(exponent) === 1 ? name(base) : `${name(base)}^${Math.abs(exponent)}`
  const above = [...dims].filter(([, exponent]) => exponent > 0).map(power)
  const below = [...dims].filter(([, exponent]) => exponent < 0)
  if (below.length === 0) return above.join(' times ') || WORDS.get('')!
  const under = below.map(([base, exponent]) =>
    base === SECOND && exponent === -1 ? 'second' : power([base, exponent]),
  )
  return `${above.join(' times ') || 'a number'} per ${under.join(' per ')}`
}
