import { afterEach, expect, it } from 'vitest'
import type { ReportDocument } from '../document/blocks.ts'
import { createPdfPress, type PdfPress } from './pdf-press.ts'

const document: ReportDocument = {
  title: 'Completion of ₹ Σύνολο Счёт 数据',
  period: 'today',
  finding: 'All is well.',
  generatedAtMs: 0,
  language: 'en',
  blocks: [],
}
let press: PdfPress | undefined
afterEach(() => press?.stop())

it('makes one after the other, and several at once', async () => {
  press = createPdfPress()
  const first = await press.render(document)
  expect(Buffer.from(first.bytes).subarray(0, 5).toString()).toBe('%PDF-')
  const both = await Promise.all([press.render(document), press.render(document)])
  expect(both.map(({ pages }) => pages)).toEqual([1, 1])
})

it('gives up what takes too long, and makes the next', async () => {
  press = createPdfPress({ jobMs: 1 })
  await expect(press.render(document)).rejects.toMatchObject({ code: 'timeout' })
  await press.stop()
  await expect(press.render(document)).rejects.toMatchObject({ code: 'stopped' })
})
