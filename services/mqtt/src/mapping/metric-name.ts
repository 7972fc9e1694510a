import { createHash } from 'node:crypto'

/** What every door of the product takes as the name of a metric. */
const METRIC = /^[A-Za-z][A-Za-z0-9_./-]{0,254}$/
const METRIC_CHARS_MAX = 255

export const isMetricName = (name: string): boolean => METRIC.test(name)

/**
 * The nearest name that the product takes: other characters become `_`, what does not begin with a letter gets `m_`, and
 * the end is cut. Two names may become one, so whoever changes a name keeps the original as an attribute.
 */
export function metricName(name: string): string {
  if (METRIC.test(name)) return name
  const plain = name.replace(/[^A-Za-z0-9_./-]/g, '_')
  return (/^[A-Za-z]/.test(plain) ? plain : `m_${plain}`).slice(0, METRIC_CHARS_MAX)
}

const ATTRIBUTE_CHARS_MAX = 255
const KEPT_CHARS = 230

/**
 * A text as the value of an attribute: without control characters, and not longer than a series allows. What had to be
 * changed ends in a hash of the original, so that two texts never become one.
 */
export function attributeText(text: string): string {
  if (text.length <= ATTRIBUTE_CHARS_MAX && !/\p{Cc}/u.test(text)) return text
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return `${text.slice(0, KEPT_CHARS).replace(/\p{Cc}/gu, '_')}~${hash}`
}
