import { randomInt } from 'node:crypto'
import { createIdTable, type IdTable } from '@driftline/platform/id-table'
import { createRates, type Rates } from './rates.ts'
import { type PatternState, readState, writeState } from './state.ts'
import { createTemplateTree } from './template-tree.ts'
import { patternHex, patternId, type Template, templateText } from './templates.ts'
import { createTokens, OPEN, splitMessage, splitRequest, tokenText } from './tokens.ts'

/** A template that is to be told, as `LogPattern` says it. */
export interface FoundPattern {
  readonly id: bigint
  readonly template: string
  readonly example: string
  readonly severity: number
  readonly firstSeenMs: number
  /** Nothing that people must hear of: the source was being learnt, or the template is only worded anew. */
  readonly learning: boolean
}

export interface PatternSink {
  pattern(found: FoundPattern): void
  /** Lines of one template in the second that begins at `timeMs`; `id` in 16 hexadecimal digits. */
  count(id: string, timeMs: number, lines: number): void
}

/** Groups the lines of one process into templates; see the README beside it. */
export interface LogPatterns {
  /** The number of the template of a message; 0 for none. Never throws; makes nothing for lines that are known. */
  message(buffer: Uint8Array, from: number, to: number, severity: number, timeMs: number): number
  /** The number of the template of a request, by its method, path (without query) and status. */
  request(
    buffer: Uint8Array,
    methodFrom: number,
    methodTo: number,
    pathFrom: number,
    pathTo: number,
    status: number,
    severity: number,
    timeMs: number,
  ): number
  /** Halves of the 64-bit ids by number. */
  readonly idLow: Uint32Array
  readonly idHigh: Uint32Array
  /** Ends a batch: tells what is new in it and counts it. */
  flush(sink: PatternSink): void
  /** Templates at present, without `<other>`. */
  readonly size: number
  /** Lines that found no template of their own, since the start. */
  readonly other: number
  save(): string | null
  restore(saved: string | null): void
}

export interface LogPatternsConfig {
  readonly tenant: string
  readonly process: string
  /** Further templates are `<other>`. 500 by default. */
  readonly templatesMax?: number
}

const TEMPLATES_MAX = 500
const SHAPES_MAX = 16_384
/** Lines of a batch that may be compared word by word; the hash of known ones costs no comparison. */
const UNKNOWN_LINES_MAX = 2_000
const EXAMPLE_BYTES_MAX = 1_024
const LEARNING_MS = 300_000
const LEARNING_LINES = 200
const STALE_HOURS = 2
/** When this much of the table is taken, stale templates give way. */
const FULL_SHARE = 0.9
const HOUR_MS = 3_600_000
const NONE = 0
const OTHER = 1
const FIRST = 2

export function createLogPatterns(config: LogPatternsConfig): LogPatterns {
  const { tenant, process } = config
  const templatesMax = config.templatesMax ?? TEMPLATES_MAX
  const idLow = new Uint32Array(templatesMax + FIRST)
  const idHigh = new Uint32Array(templatesMax + FIRST)
  const templates: (Template | null)[] = []
  const numbers = new Map<Template, number>()
  const renumbered = new Int32Array(templatesMax + FIRST)
  const tokens = createTokens()
  let tree = createTemplateTree()
  let shapes: IdTable = newShapes()
  let rates: Rates = createRates(templatesMax + FIRST)
  let untold: Template[] = []
  let retired: number[] = []
  let unknownLines = 0
  let others = 0
  let lines = 0
  let firstMs = Number.NaN
  let saved: string | null = null

  for (let number = 0; number < renumbered.length; number++) renumbered[number] = number

  const setId = (number: number, id: bigint): void => {
    idLow[number] = Number(id & 0xffffffffn)
    idHigh[number] = Number(id >> 32n)
  }
  const idOf = (number: number): bigint => (BigInt(idHigh[number]!) << 32n) | BigInt(idLow[number]!)
  setId(OTHER, patternId(tenant, process, '<other>'))

  const isLearning = (timeMs: number): boolean => !(timeMs >= firstMs + LEARNING_MS && lines >= LEARNING_LINES)

  /** Gives a template the lowest free number; those that were given up in this batch are not free yet. */
  const place = (template: Template): number => {
    let number = FIRST
    while (number < templatesMax + FIRST && (templates[number] ?? null) !== null) number += 1
    if (number === templatesMax + FIRST) return OTHER
    templates[number] = template
    numbers.set(template, number)
    renumbered[number] = number
    setId(number, template.id)
    return number
  }

  const drop = (template: Template, into: number): void => {
    const number = numbers.get(template)!
    numbers.delete(template)
    retired.push(number)
    renumbered[number] = into
    rates.move(number, into)
  }

  const makeTemplate = (
    buffer: Uint8Array,
    from: number,
    to: number,
    request: boolean,
    severity: number,
    timeMs: number,
  ): number => {
    if (numbers.size >= templatesMax) return OTHER
    const words: string[] = []
    const hashes: number[] = []
    for (let i = 0; i < tokens.count; i++) {
      words.push(tokens.wild[i] === 1 ? OPEN : tokenText(tokens, buffer, i))
      hashes.push(tokens.hash[i]!)
    }
    const template: Template = {
      request,
      words,
      hashes,
      id: patternId(tenant, process, templateText({ words, request })),
      firstSeenMs: timeMs,
      severity,
      example: exampleOf(buffer, from, to),
      seenHour: Math.floor(timeMs / HOUR_MS),
      told: false,
      toldOnce: false,
      learning: isLearning(timeMs),
    }
    const number = place(template)
    if (number === OTHER) return OTHER
    tree.add(template)
    untold.push(template)
    saved = null
    return number
  }

  /** Goes down the tree with a line whose hash is not known. */
  const find = (
    buffer: Uint8Array,
    from: number,
    to: number,
    request: boolean,
    severity: number,
    timeMs: number,
  ): number => {
    unknownLines += 1
    if (unknownLines > UNKNOWN_LINES_MAX) return OTHER
    const joined = tree.join(tokens, request, severity)
    if (joined === null) return makeTemplate(buffer, from, to, request, severity, timeMs)
    const number = numbers.get(joined)!
    for (const template of tree.absorbed) drop(template, number)
    if (!joined.told) {
      if (joined.example === '') joined.example = exampleOf(buffer, from, to)
      untold.push(joined)
      saved = null
    }
    return number
  }

  /** The number of the line in `tokens`. `from` and `to` are its example. */
  const group = (
    buffer: Uint8Array,
    from: number,
    to: number,
    request: boolean,
    severity: number,
    timeMs: number,
  ): number => {
    if (tokens.count === 0) return NONE
    if (Number.isNaN(firstMs)) firstMs = timeMs
    if (lines < LEARNING_LINES) saved = null
    lines += 1
    let number = shapes.get(tokens.low >>> 0, tokens.high >>> 0)
    if (number === -1) {
      number = find(buffer, from, to, request, severity, timeMs)
      if (number !== OTHER && !shapes.set(tokens.low >>> 0, tokens.high >>> 0, number)) {
        shapes = newShapes()
        shapes.set(tokens.low >>> 0, tokens.high >>> 0, number)
      }
    }
    while (number !== renumbered[number] && number >= FIRST) number = renumbered[number]!
    if (number === OTHER) others += 1
    else {
      const template = templates[number]!
      const hour = Math.floor(timeMs / HOUR_MS)
      if (hour > template.seenHour) {
        template.seenHour = hour
        saved = null
      }
    }
    rates.count(number, timeMs)
    return number
  }

  /** Makes room when the table is nearly full, by what was not seen for two hours of event time. */
  const dropStale = (): void => {
    if (numbers.size < templatesMax * FULL_SHARE) return
    let newest = 0
    for (const template of numbers.keys()) newest = Math.max(newest, template.seenHour)
    for (const template of [...numbers.keys()]) {
      if (template.seenHour >= newest - STALE_HOURS) continue
      tree.remove(template)
      drop(template, OTHER)
      saved = null
    }
  }

  /** Lets numbers that were given up be given anew, now that nothing remembers them. */
  const release = (): void => {
    if (retired.length === 0) return
    shapes = newShapes()
    for (const number of retired) {
      templates[number] = null
      renumbered[number] = number
    }
    retired = []
  }

  const tell = (sink: PatternSink): void => {
    const told = new Set<Template>()
    for (const template of untold) {
      if (told.has(template) || !numbers.has(template)) continue
      told.add(template)
      sink.pattern({
        id: template.id,
        template: templateText(template),
        example: template.example,
        severity: template.severity,
        firstSeenMs: template.firstSeenMs,
        learning: template.learning || template.toldOnce,
      })
      template.told = true
      template.toldOnce = true
    }
    untold = []
  }

  const restoreState = (state: PatternState): void => {
    tree = createTemplateTree()
    shapes = newShapes()
    rates = createRates(templatesMax + FIRST)
    templates.length = 0
    untold = []
    retired = []
    numbers.clear()
    for (const template of state.templates.slice(0, templatesMax)) {
      place(template)
      tree.add(template)
    }
    rates.restore(state.rated, (id) => {
      for (const [template, number] of numbers) if (template.id === id) return number
      return NONE
    })
    firstMs = state.firstMs
    lines = state.lines
  }

  return {
    message(buffer, from, to, severity, timeMs) {
      splitMessage(tokens, buffer, from, to)
      return group(buffer, from, to, false, severity, timeMs)
    },
    request(buffer, methodFrom, methodTo, pathFrom, pathTo, status, severity, timeMs) {
      splitRequest(tokens, buffer, methodFrom, methodTo, pathFrom, pathTo, status)
      return group(buffer, methodFrom, pathTo, true, severity, timeMs)
    },
    idLow,
    idHigh,
    flush(sink) {
      tell(sink)
      if (rates.flush((number, timeMs, count) => sink.count(patternHex(idOf(number)), timeMs, count))) saved = null
      unknownLines = 0
      dropStale()
      release()
    },
    get size() {
      return numbers.size
    },
    get other() {
      return others
    },
    save() {
      if (Number.isNaN(firstMs)) return null
      saved ??= writeState({
        templates: [...numbers.keys()],
        rated: rates.save((number) => templates[number]?.id),
        firstMs,
        lines,
      })
      return saved
    },
    restore(text) {
      const state = readState(text)
      if (state !== null) restoreState(state)
    },
  }
}

/** The line as text, at most 1,024 bytes of UTF-8. */
function exampleOf(buffer: Uint8Array, from: number, to: number): string {
  const text = Buffer.from(buffer.subarray(from, Math.min(to, from + EXAMPLE_BYTES_MAX))).toString('utf8')
  // A replaced byte takes three.
  return Buffer.byteLength(text) <= EXAMPLE_BYTES_MAX ? text : text.slice(0, EXAMPLE_BYTES_MAX / 4).toWellFormed()
}

const newShapes = (): IdTable => createIdTable({ maxSize: SHAPES_MAX, seed: randomInt(2 ** 31) })
