import { describe, expect, it } from 'vitest'
import { readUrl } from './file-type.ts'
import { type FoundFile, lineOf, matchesName, readWhole, sha256Of } from './store.ts'
import { readFields, readTags } from './xml.ts'

const fileOf = (text: string, piece = 7): FoundFile => {
  const bytes = Buffer.from(text)
  return {
    name: 'a.txt',
    size: bytes.length,
    modifiedMs: 0,
    async *read(start, count) {
      for (let at = start; at < Math.min(bytes.length, start + count); at += piece) {
        yield bytes.subarray(at, Math.min(at + piece, start + count))
      }
    },
  }
}

describe('names by a pattern', () => {
  it.each([
    ['*', 'a', true],
    ['*.csv', 'a.csv', true],
    ['*.csv', '.csv', true],
    ['*.csv', 'a.csv.gz', false],
    ['a*b*c', 'a-b-c', true],
    ['a*b*c', 'abc', true],
    ['a*b*c', 'acb', false],
    ['aa*aa', 'aaa', false],
    ['orders-*.csv', 'orders-/x.csv', false],
    ['a', 'a', true],
    ['a', 'b', false],
    ['[a]*', '[a]1', true],
  ])('%s and %s: %s', (pattern, name, matches) => {
    expect(matchesName(pattern, name)).toBe(matches)
  })

  it('takes no exponential time', () => {
    const startedMs = performance.now()
    expect(matchesName(`${'*a'.repeat(200)}b`, 'a'.repeat(100_000))).toBe(false)
    expect(performance.now() - startedMs).toBeLessThan(5000)
  })
})

describe('lines', () => {
  it.each([
    ['one\ntwo\nthree\n', 'last', 'three'],
    ['one\ntwo\nthree', 'last', 'three'],
    ['one\r\ntwo\r\n', 'last', 'two'],
    ['one\r\ntwo\r\n', 1, 'one'],
    ['one\ntwo\nthree\n', 2, 'two'],
    ['one\ntwo\nthree', 3, 'three'],
    ['one\n', 2, undefined],
    ['', 1, undefined],
    ['', 'last', undefined],
    ['a\n\nb\n', 2, ''],
  ] as const)('%j, %s', async (text, which, line) => {
    expect(await lineOf(fileOf(text), which, 1000)).toBe(line)
  })

  it('reads no further than it may', async () => {
    await expect(lineOf(fileOf('a\n'.repeat(100)), 90, 50)).rejects.toThrow('more than the 50 that may be read')
  })
})

describe('content', () => {
  it('is whole or refused', async () => {
    expect((await readWhole(fileOf('content'), 7)).toString()).toBe('content')
    await expect(readWhole(fileOf('content'), 6)).rejects.toThrow('a.txt has 7 bytes, more than the 6')
    await expect(readWhole({ ...fileOf('grown since'), size: 3 }, 5)).rejects.toThrow('more than the 5')
    await expect(sha256Of(fileOf('content'), 6)).rejects.toThrow('more than the 6')
    expect(await sha256Of(fileOf('abc', 1), 6)).toMatch(/^ba7816bf8f01cfea/)
  })
})

describe('addresses', () => {
  it.each([
    ['file:///a/b%20c', { scheme: 'file', host: '', port: 22, path: '/a/b c' }],
    ['s3://bucket/a/*.csv', { scheme: 's3', host: 'bucket', port: 22, path: '/a/*.csv' }],
    ['sftp://host:2222/a/../b', { scheme: 'sftp', host: 'host', port: 2222, path: '/a/../b' }],
    ['SFTP://[::1]/a', { scheme: 'sftp', host: '::1', port: 22, path: '/a' }],
  ])('%s', (url, parts) => {
    expect(readUrl(url)).toEqual(parts)
  })

  it.each(['ftp://a/b', 'file://host/a', 'sftp://user@host/a', 'sftp://a:b:c/d', 'file:///a*/b', 'file:///%zz', '/a'])(
    'refuses %s',
    (url) => {
      expect(() => readUrl(url)).toThrow()
    },
  )
})

describe('the XML of S3', () => {
  it('is read without its markup', () => {
    const xml = '<R><Contents><Key>a &amp; b&#x41;</Key></Contents><Contents><Key>c</Key></Contents><Contents>'
    expect(readTags(xml, 'Contents').map((content) => readFields(content)['Key'])).toEqual(['a & bA', 'c'])
    expect(readFields('<Error><Code>NoSuchKey</Code></Error>')).toEqual({ Code: 'NoSuchKey' })
  })
})
