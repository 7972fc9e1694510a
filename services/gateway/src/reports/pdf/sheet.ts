import PdfDocument from 'pdfkit'
import type { Faces, Weight } from './faces.ts'
import { bodyWidth, ink, paper, sizes } from './paper.ts'

export interface TextStyle {
  readonly size: number
  readonly weight?: Weight
  readonly color?: string
  readonly align?: 'left' | 'right' | 'center'
  /** Figures of one width. */
  readonly tabular?: boolean
}

/** Pages that are written from top to bottom. Lengths are points, from the top left. */
export interface Sheet {
  readonly pdf: PDFKit.PDFDocument
  /** Where the next thing goes. */
  y: number
  /** Begins another page when so much is not left. False, and nothing more is written, when there may be no other. */
  room(height: number): boolean
  /** Room that is left on this page. */
  left(): number
  isFull(): boolean
  /** One line, cut with an ellipsis where it does not fit. */
  line(text: string, x: number, y: number, width: number, style: TextStyle): void
  /** The lines that a text takes in a width, at most so many. */
  wrap(text: string, width: number, style: TextStyle, linesMax: number): string[]
  widthOf(text: string, style: TextStyle): number
  hairline(y: number, color?: string): void
}

/** The face swaps letters by their neighbours, for code; that is most of the work of laying text out. */
const PLAIN = { calt: false } as unknown as PDFKit.Mixins.OpenTypeFeatures[]
const TABULAR = { calt: false, tnum: true } as unknown as PDFKit.Mixins.OpenTypeFeatures[]
const featuresOf = ({ tabular }: TextStyle): PDFKit.Mixins.OpenTypeFeatures[] => (tabular ? TABULAR : PLAIN)

export function createSheet(
  faces: Faces,
  info: { title: string; language: string; pagesMax: number; createdAt: Date },
): Sheet {
  const pdf = new PdfDocument({
    size: [paper.width, paper.height],
    margins: { top: 0, bottom: 0, left: paper.side, right: paper.side },
    bufferPages: true,
    pdfVersion: '1.7',
    lang: info.language,
    displayTitle: true,
    info: {
      Title: faces.drawable(info.title),
      Author: 'Driftline',
      Creator: 'Driftline',
      Producer: 'Driftline',
      CreationDate: info.createdAt,
    },
  })
  for (const weight of ['regular', 'medium', 'semibold'] as const) pdf.registerFont(weight, faces.files[weight])
  let pages = 1
  let isFull = false

  const use = ({ size, weight = 'regular' }: TextStyle): void => {
    pdf.font(weight).fontSize(size)
  }
  /** Cells say the same again and again, and laying text out takes most of the time. */
  const widths = new Map<string, number>()
  const widthOf = (text: string, style: TextStyle): number => {
    const key = `${style.size} ${style.weight ?? ''} ${style.tabular ?? ''} ${text}`
    let width = widths.get(key)
    use(style)
    if (width === undefined) {
      width = pdf.widthOfString(text, { features: featuresOf(style) })
      widths.set(key, width)
    }
    return width
  }

  function fit(text: string, width: number, style: TextStyle): string {
    if (widthOf(text, style) <= width) return text
    let [low, high] = [0, text.length]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (widthOf(`${text.slice(0, middle).trimEnd()}…`, style) <= width) low = middle
      else high = middle - 1
    }
    return `${text.slice(0, low).trimEnd()}…`
  }

  const sheet: Sheet = {
    pdf,
    y: paper.top,
    isFull: () => isFull,
    left: () => paper.height - paper.bottom - sheet.y,
    room(height) {
      if (isFull) return false
      if (height <= sheet.left()) return true
      if (pages >= info.pagesMax) {
        isFull = true
        return false
      }
      pdf.addPage()
      pages++
      sheet.y = paper.top
      return true
    },
    widthOf: (text, style) => widthOf(faces.drawable(text), style),
    line(text, x, y, width, style) {
      const { align = 'left', color = ink.text2 } = style
      const shown = fit(faces.drawable(text), width, style)
      const free = width - widthOf(shown, style)
      const at = align === 'right' ? x + free : align === 'center' ? x + free / 2 : x
      pdf.fillColor(color).text(shown, at, y, { lineBreak: false, features: featuresOf(style) })
    },
    wrap: (text, width, style, linesMax) =>
      wrapped(
        faces.drawable(text),
        linesMax,
        (part) => widthOf(part, style) <= width,
        (rest) => fit(rest, width, style),
      ),
    hairline(y, color = ink.line) {
      pdf
        .moveTo(paper.side, y)
        .lineTo(paper.side + bodyWidth, y)
        .lineWidth(0.6)
        .strokeColor(color)
        .stroke()
    },
  }
  return sheet
}

/** Breaks at spaces, and inside of words that are wider than a line. */
function wrapped(
  text: string,
  linesMax: number,
  fits: (part: string) => boolean,
  cut: (rest: string) => string,
): string[] {
  if (fits(text)) return [text]
  const lines: string[] = []
  let rest = text.trim()
  while (rest !== '' && !fits(rest)) {
    if (lines.length === linesMax - 1) return [...lines, cut(rest)]
    let [low, high] = [1, Math.min(rest.length, 400)]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (fits(rest.slice(0, middle))) low = middle
      else high = middle - 1
    }
    const space = rest.lastIndexOf(' ', low)
    const at = space > low / 3 ? space : low
    lines.push(rest.slice(0, at).trimEnd())
    rest = rest.slice(at).trimStart()
  }
  return rest === '' ? lines : [...lines, rest]
}

/** Bytes of a finished document. */
export function finish(pdf: PDFKit.PDFDocument): Promise<Uint8Array<ArrayBuffer>> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    pdf.on('data', (chunk: Buffer) => chunks.push(chunk))
    pdf.on('end', () => resolve(new Uint8Array(Buffer.concat(chunks))))
    pdf.on('error', reject)
    pdf.end()
  })
}

/** What stands on every page: what it is about, and which of how many it is. */
export function numberPages(sheet: Sheet, about: { title: string; period: string; made: string }): number {
  const { pdf } = sheet
  const { start, count } = pdf.bufferedPageRange()
  const style = { size: sizes.label, color: ink.text3 }
  const half = bodyWidth / 2
  for (let page = 0; page < count; page++) {
    pdf.switchToPage(start + page)
    if (page > 0) {
      sheet.line(about.title, paper.side, 34, half, { ...style, weight: 'medium', color: ink.text2 })
      sheet.line(about.period, paper.side + half, 34, half, { ...style, align: 'right' })
      sheet.hairline(49)
    }
    const y = paper.height - 38
    sheet.hairline(y - 7)
    sheet.line(about.made, paper.side, y, half, style)
    sheet.line(`${page + 1} of ${count}`, paper.side + half, y, half, { ...style, align: 'right', tabular: true })
  }
  return count
}
