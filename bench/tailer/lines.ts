/** Lines as nginx writes them in its format `combined`, all of the same length, so that bytes tell lines. */
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const ROUTES = ['users', 'order', 'carts', 'bills', 'login', 'items', 'query', 'state']
const MARK = '/api/'

/** Lines of one block. */
export const BLOCK_LINES = 1000

const padded = (value: number, length: number): string => String(value).padStart(length, '0')

function stampOf(timeMs: number): string {
  const time = new Date(timeMs)
  const day = `${padded(time.getUTCDate(), 2)}/${MONTHS[time.getUTCMonth()]}/${time.getUTCFullYear()}`
  return `${day}:${time.toISOString().slice(11, 19)} +0000`
}

function lineOf(i: number): string {
  const address = `203.0.${100 + (i % 150)}.${100 + ((i * 7) % 150)}`
  // One in fifty failed. The long number is the moment at which the line is written, in milliseconds.
  const path = `${MARK}${ROUTES[i % 8]}/${padded(0, 13)}/lines?page=${i % 9}`
  const agent = `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${100 + (i % 30)}.0.0.0 Safari/537.36`
  return `${address} - - [${stampOf(0)}] "GET ${path} HTTP/1.1" ${i % 50 === 0 ? 500 : 200} ${10_000 + i} "https://shop.example.com/catalog/list" "${agent}"\n`
}

const text = Array.from({ length: BLOCK_LINES }, (_, i) => lineOf(i))
export const LINE_BYTES = text[0]!.length
const STAMP_AT = text[0]!.indexOf('[') + 1
/** Where in a line the 13 digits of its moment stand. */
export const MOMENT_AT = text[0]!.indexOf(MARK) + MARK.length + ROUTES[0]!.length + 1

const block = Buffer.from(text.join(''), 'latin1')
if (block.length !== BLOCK_LINES * LINE_BYTES) throw new Error('lines differ in length')

/** The first `count` lines of the block, all of one moment. The memory is used again by the next call. */
export function linesAt(timeMs: number, count = BLOCK_LINES): Buffer {
  const stamp = stampOf(timeMs)
  const moment = String(Math.floor(timeMs))
  for (let at = 0; at < count * LINE_BYTES; at += LINE_BYTES) {
    block.write(stamp, at + STAMP_AT, 'latin1')
    block.write(moment, at + MOMENT_AT, 'latin1')
  }
  return block.subarray(0, count * LINE_BYTES)
}
