import { describe, expect, it } from 'vitest'
import { createFormat, plain } from './format.ts'

const f = createFormat('en-GB', 'UTC')

describe('bytes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1,023 B'],
    [1024, '1 KiB'],
    [13.1 * 1024 ** 2, '13.1 MiB'],
    [612 * 1024 ** 2, '612 MiB'],
    [1023.7 * 1024 ** 2, '1.00 GiB'],
    [3.41 * 1024 ** 3, '3.41 GiB'],
    [31.25 * 1024 ** 3, '31.3 GiB'],
    [-5 * 1024 ** 2, '−5.0 MiB'],
  ])('%d is %s', (value, text) => expect(plain(f.bytes(value))).toBe(text))

  it('is nothing for nothing', () => {
    for (const value of [null, undefined, Number.NaN, Number.POSITIVE_INFINITY]) expect(f.bytes(value)).toBeNull()
  })
})

describe('rates', () => {
  it.each([
    [0, '0'],
    [0.2, '0'],
    [512, '512 B/s'],
    [48_000, '48 KB/s'],
    [4_210_000, '4.2 MB/s'],
    [123_000_000, '123 MB/s'],
    [999_600, '1.0 MB/s'],
  ])('%d bytes a second is %s', (value, text) => expect(plain(f.byteRate(value))).toBe(text))

  it.each([
    [0, '0 starts/s'],
    [418, '418 starts/s'],
    [2.04, '2.0 starts/s'],
    [0.5, '30.0 starts/min'],
    [0.002, '7.2 starts/h'],
    [-1e-9, '0 starts/s'],
  ])('%d a second is %s', (value, text) => expect(plain(f.rate(value, 'starts'))).toBe(text))
})

describe('percent', () => {
  it.each([
    [0, '0.0 %'],
    [0.214, '21.4 %'],
    [1, '100.0 %'],
    [12.4, '1,240 %'],
    [-1e-9, '0.0 %'],
  ])('%d cores are %s', (value, text) => expect(plain(f.cpu(value))).toBe(text))

  it.each([
    [1, '100 %'],
    [0, '0 %'],
    [0.99999, '99.99 %'],
    [0.9993, '99.93 %'],
    [0.961, '96.1 %'],
    [0.0007, '0.07 %'],
    [0.00001, '< 0.01 %'],
    [0.0241, '2.41 %'],
  ])('a share of %d is %s', (value, text) => expect(plain(f.share(value))).toBe(text))
})

describe('time', () => {
  it.each([
    [0, '0 ms'],
    [4.1, '4.1 ms'],
    [212, '212 ms'],
    [5180, '5.18 s'],
    [18_040, '18.0 s'],
    [144_000, '2 min 24 s'],
    [1_080_000, '18 min'],
    [9_720_000, '2 h 42 min'],
    [3_564_000_000, '41 d 6 h'],
  ])('%d ms are %s', (value, text) => expect(f.duration(value)).toBe(text))

  it.each([
    [1_000, 'just now'],
    [38_000, '38 s ago'],
    [200_000, '3 min ago'],
    [7_300_000, '2 h ago'],
    [5 * 86_400_000, '5 d ago'],
    [-9_000, 'just now'],
  ])('%d ms back is %s', (back, text) => expect(f.ago(1e12 - back, 1e12)).toBe(text))

  it('shows the clock in 24 hours, midnight as 00', () => {
    expect(f.clock(Date.UTC(2026, 10, 17, 14, 2, 10))).toBe('14:02:10')
    expect(f.minute(Date.UTC(2026, 10, 17, 0, 5))).toBe('00:05')
  })
})

it('groups numbers as the locale does', () => {
  expect(createFormat('en-IN').count(184_500)).toBe('1,84,500')
})
