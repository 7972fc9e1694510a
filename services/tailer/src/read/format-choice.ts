import type { LineReading } from '@driftline/ingest/definitions/logs'
import { detectFormat } from '../formats/detect.ts'
import { type FormatName, formatSettings, type LineBatch, type LineParser } from '../formats/log-format.ts'
import { createParser } from '../formats/registry.ts'

/** Which format the lines of each file of a source are read as: the given one, or what they seem to be. */
export interface FormatChoice {
  /** What is wrong with the settings; empty for nothing. Lines are read as plain text then. */
  readonly problem: string
  parserFor(subject: string, lines: LineBatch): LineParser
  /** Formats that were found, for people and for `save`. */
  found(): readonly FoundFormat[]
  restore(found: readonly FoundFormat[]): void
}

export interface FoundFormat {
  readonly subject: string
  readonly format: FormatName
  /** Lines that it was told from; a choice is final after some. */
  readonly lines: number
}

/** A choice is made anew with each chunk until it rests on so many lines. */
const LINES_ENOUGH = 200
/** Files whose format is remembered; of further ones it is found again and again. */
const SUBJECTS_MAX = 500

export function createFormatChoice(reading: LineReading): FormatChoice {
  const parsers = new Map<FormatName, LineParser>()
  let problem = ''
  let chosen = new Map<string, FoundFormat>()

  const parserOf = (format: FormatName): LineParser => {
    const known = parsers.get(format)
    if (known !== undefined) return known
    const made = createParser(formatSettings(reading, format))
    if ('problem' in made) {
      problem = made.detail
      // A time zone that is not known spoils every format; without it there is always plain text.
      const plain = createParser({ format: 'plain' })
      if ('problem' in plain) throw new Error(plain.detail)
      return keep(format, plain.parser)
    }
    return keep(format, made.parser)
  }
  const keep = (format: FormatName, parser: LineParser): LineParser => {
    parsers.set(format, parser)
    return parser
  }

  const detect = (subject: string, lines: LineBatch): FormatName => {
    const known = chosen.get(subject)
    if (known !== undefined && known.lines >= LINES_ENOUGH) return known.format
    const { format: _, ...settings } = formatSettings(reading, 'plain')
    const format = detectFormat(lines, settings)[0]?.format ?? 'plain'
    const seen = (known?.lines ?? 0) + lines.count
    // A few lines of another kind, such as a stack trace, do not overturn what more lines said.
    const stays = known !== undefined && known.format !== 'plain' && lines.count < known.lines
    const choice = { subject, format: stays ? known.format : format, lines: seen }
    if (chosen.size >= SUBJECTS_MAX && known === undefined) chosen = new Map([...chosen].slice(1))
    chosen.set(subject, choice)
    return choice.format
  }

  if (reading.format !== 'auto') parserOf(reading.format)
  return {
    get problem() {
      return problem
    },
    parserFor: (subject, lines) => parserOf(reading.format === 'auto' ? detect(subject, lines) : reading.format),
    found: () => [...chosen.values()],
    restore(found) {
      chosen = new Map(found.slice(-SUBJECTS_MAX).map((each) => [each.subject, each]))
    },
  }
}
