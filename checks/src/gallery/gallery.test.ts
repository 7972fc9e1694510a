import { describe, expect, test } from 'vitest'
import { flowId } from '../flow-definition.ts'
import { readFlow } from '../read-flow.ts'
import { createGallery, gallery } from './gallery.ts'

describe('the gallery', () => {
  test.each(gallery.map((example) => [example.id, example] as const))(
    '%s is a flow without a problem',
    (_, example) => {
      const read = readFlow(example.definition)
      expect(read.ok ? [] : read.problems).toEqual([])
    },
  )

  test('has examples of their own ids, which make flows of their own ids', () => {
    const names = gallery.map(({ id }) => id)
    expect(new Set(names).size).toBe(names.length)
    expect(names.every((id) => /^[a-z][a-z-]+$/.test(id))).toBe(true)
    expect(new Set(gallery.map(({ definition }) => flowId(definition.name))).size).toBe(names.length)
  })

  test('has at least three that run as they are, and says of the others what they need', () => {
    expect(gallery.filter(({ needs }) => needs.length === 0).map(({ id }) => id)).toEqual([
      'driftline-itself',
      'invoice-to-cash',
      'demo-crawl',
    ])
  })

  test('fits itself to the installation that it is shown in', () => {
    const examples = createGallery({ productHost: '10.1.2.3', productPort: 9090, host: 'host:a' })
    const [itself] = examples
    expect(itself!.definition.steps.at(-1)!.checkConfiguration).toEqual({ host: '10.1.2.3', port: 9090 })
    const ownHost = examples.find(({ id }) => id === 'own-host')!
    expect(ownHost.needs).toHaveLength(1)
    expect(ownHost.definition.steps[0]!.checkConfiguration.process).toBe('host:a')
  })
})
