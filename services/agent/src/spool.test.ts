import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSpool, type Definitions, type Spool } from './spool.ts'
import { openSegment } from './spool-segment.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spool-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const open = (epoch: number, changes: { bytesMax?: number; segmentBytes?: number } = {}): Spool =>
  createSpool({ directory, bytesMax: 1e6, segmentBytes: 1e5, ...changes }, epoch)

/** Definitions are told by the text `d<number>`. */
const needs = (...series: number[]): Definitions => ({
  missing: (isKnown) => {
    const missing = series.filter((number) => !isKnown(number))
    return { series: missing, messages: missing.length === 0 ? [] : [Buffer.from(`d${missing.join('+')}`)] }
  },
})
const put = (spool: Spool, sequence: number, text = `b${sequence}`, definitions = needs()): void =>
  spool.append(sequence, Buffer.from(text), definitions)

function drain(spool: Spool): string[] {
  const out: string[] = []
  for (let entry = spool.next(); entry !== null; entry = spool.next()) {
    out.push(entry.kind === 'batch' ? `${entry.epoch}/${entry.sequence}:${entry.bytes}` : entry.bytes.toString())
  }
  return out
}
const files = (): string[] => readdirSync(directory).filter((name) => name.endsWith('.spool'))

/** Segments on a disk that holds no more than some bytes, and nothing more once it is filled. */
function createDisk(bytesMax: number) {
  const sizes = new Map<string, () => number>()
  let isFull = false
  const open: typeof openSegment = (path, epoch) => {
    const segment = openSegment(path, epoch)
    sizes.set(path, segment.size)
    return {
      ...segment,
      append: (kind, sequence, payload) => {
        const used = [...sizes.values()].reduce((sum, size) => sum + size(), 0)
        if (isFull || used + payload.length > bytesMax) throw Object.assign(new Error('full'), { code: 'ENOSPC' })
        segment.append(kind, sequence, payload)
      },
      remove: () => {
        sizes.delete(path)
        segment.remove()
      },
    }
  }
  return {
    open,
    fill: () => {
      isFull = true
    },
  }
}

describe('spool', () => {
  it('gives out what was put in, once, with definitions before their first use', () => {
    const spool = open(5)
    put(spool, 1, 'b1', needs(1, 2))
    put(spool, 2, 'b2', needs(1, 2, 3))
    expect(drain(spool)).toEqual(['d1+2', '5/1:b1', 'd3', '5/2:b2'])
    expect(drain(spool)).toEqual([])
    put(spool, 3, 'b3', needs(3))
    expect(drain(spool)).toEqual(['5/3:b3'])
    expect(spool.backlog()).toBe(3)
  })

  it('gives out what is not acknowledged again, with its definitions', () => {
    const spool = open(5)
    for (const sequence of [1, 2, 3]) put(spool, sequence, `b${sequence}`, needs(sequence))
    drain(spool)
    spool.acknowledge(5, 2)
    spool.rewind()
    expect(drain(spool)).toEqual(['d1', 'd2', 'd3', '5/3:b3'])
    expect(spool.backlog()).toBe(1)
  })

  it('survives a kill: older epochs first, acknowledged ones not again', () => {
    const killed = open(5)
    for (const sequence of [1, 2, 3]) put(killed, sequence, `b${sequence}`, needs(sequence))
    killed.acknowledge(5, 1)
    const again = open(6)
    put(again, 1, 'new', needs(1))
    expect(drain(again)).toEqual(['d1', 'd2', '5/2:b2', 'd3', '5/3:b3', 'd1', '6/1:new'])
    again.acknowledge(5, 3)
    again.acknowledge(6, 1)
    expect(again.backlog()).toBe(0)
    expect(files().length).toBe(1)
    again.close()
    expect(files()).toEqual([])
    expect(drain(open(7))).toEqual([])
  })

  it.each([1, 5, 16, 17, 20])('tolerates an end that was torn after %i bytes', (bytes) => {
    const killed = open(5)
    put(killed, 1)
    const whole = readFileSync(join(directory, files()[0]!))
    appendFileSync(join(directory, files()[0]!), whole.subarray(0, Math.min(bytes, whole.length - 1)))
    const again = open(6)
    expect(drain(again)).toEqual(['5/1:b1'])
    expect(again.dropped()).toBe(0)
  })

  it('drops a damaged record, counts it, and goes on', () => {
    const killed = open(5)
    for (const sequence of [1, 2, 3]) put(killed, sequence)
    const path = join(directory, files()[0]!)
    const bytes = readFileSync(path)
    bytes[19 + 18] = bytes[19 + 18]! ^ 0xff
    writeFileSync(path, bytes)
    const again = open(6)
    expect(drain(again)).toEqual(['5/1:b1', '5/3:b3'])
    expect(again.dropped()).toBe(1)
  })

  it('reads a file of nothing but zeros, as a power cut leaves it', () => {
    const killed = open(5)
    put(killed, 1)
    truncateSync(join(directory, files()[0]!), 0)
    truncateSync(join(directory, files()[0]!), 4096)
    expect(drain(open(6))).toEqual([])
  })

  it('drops the oldest when full, and counts only what was not acknowledged', () => {
    const spool = open(5, { bytesMax: 1000, segmentBytes: 250 })
    const text = 'x'.repeat(100)
    for (let sequence = 1; sequence <= 6; sequence++) put(spool, sequence, text)
    spool.acknowledge(5, 1)
    for (let sequence = 7; sequence <= 20; sequence++) put(spool, sequence, text)
    expect(spool.bytes()).toBeLessThanOrEqual(1000)
    const left = drain(spool).map((each) => Number(/\/(\d+):/.exec(each)?.[1]))
    expect(left).toEqual(Array.from({ length: left.length }, (_, at) => 20 - left.length + 1 + at))
    expect(spool.dropped() + left.length).toBe(19)
    expect(spool.backlog()).toBe(left.length)
  })

  it('makes room for what is new when the disk is full, at the cost of the oldest', () => {
    const disk = createDisk(1000)
    const spool = createSpool({ directory, bytesMax: 1e6, segmentBytes: 250 }, 5, disk.open)
    for (let sequence = 1; sequence <= 20; sequence++) put(spool, sequence, 'x'.repeat(100), needs(1))
    const left = drain(spool).filter((each) => each.startsWith('5/'))
    expect(left.at(-1)).toMatch('5/20:')
    expect(left.length).toBeGreaterThan(3)
    expect(spool.dropped() + left.length).toBe(20)
    spool.rewind()
    expect(drain(spool)[0]).toBe('d1')
  })

  it('does not empty itself for a disk that somebody else fills', () => {
    const disk = createDisk(1000)
    const spool = createSpool({ directory, bytesMax: 1e6, segmentBytes: 250 }, 5, disk.open)
    for (let sequence = 1; sequence <= 6; sequence++) put(spool, sequence, 'x'.repeat(100))
    disk.fill()
    expect(() => put(spool, 7, 'x'.repeat(10))).toThrow(expect.objectContaining({ code: 'disk_full' }))
    expect(drain(spool).map((each) => each.slice(0, 4))).toEqual(['5/4:', '5/5:', '5/6:'])
    expect(spool.dropped()).toBe(4)
  })

  it('takes refusals as settled, in any order', () => {
    const spool = open(5)
    for (const sequence of [1, 2, 3, 4]) put(spool, sequence)
    drain(spool)
    spool.refuse(5, 3)
    spool.rewind()
    expect(drain(spool)).toEqual(['5/1:b1', '5/2:b2', '5/4:b4'])
    spool.acknowledge(5, 2)
    expect(spool.backlog()).toBe(1)
    spool.refuse(5, 4)
    expect(spool.backlog()).toBe(0)
  })

  it('keeps one file while all is well', () => {
    const spool = open(5, { segmentBytes: 2000 })
    const seen = new Set<string>()
    for (let sequence = 1; sequence <= 300; sequence++) {
      put(spool, sequence, 'x'.repeat(100), needs(1))
      expect(drain(spool).filter((each) => each.startsWith('5/')).length).toBe(1)
      spool.acknowledge(5, sequence)
      for (const file of files()) seen.add(file)
      expect(files().length).toBeLessThanOrEqual(1)
    }
    expect(seen.size).toBeLessThan(25)
    expect(spool.dropped()).toBe(0)
  })
})
