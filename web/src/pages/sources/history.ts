import type { PreviewItem, ProducedSample } from '../../api/source-types.ts'

const pointsMax = 60
const seriesMax = 400

/** Values that a preview has shown, by process, metric and attributes: a small line for as long as somebody looks. */
export function createHistory() {
  const values = new Map<string, number[]>()
  let newestMs = 0
  const keyOf = (sample: ProducedSample) => `${sample.process}\n${sample.metric}\n${JSON.stringify(sample.attributes)}`

  return {
    /** Takes what is new in a preview; items it has seen before are left alone. */
    take(items: readonly PreviewItem[]): void {
      const fresh = items.filter((item) => Date.parse(item.time) > newestMs)
      for (const item of [...fresh].sort((a, b) => Date.parse(a.time) - Date.parse(b.time))) {
        newestMs = Date.parse(item.time)
        for (const sample of item.produced) {
          if (sample.value === null) continue
          const key = keyOf(sample)
          const line = values.get(key) ?? []
          line.push(sample.value)
          if (line.length > pointsMax) line.shift()
          if (values.size < seriesMax || values.has(key)) values.set(key, line)
        }
      }
    },
    of: (sample: ProducedSample): readonly number[] => values.get(keyOf(sample)) ?? [],
  }
}
