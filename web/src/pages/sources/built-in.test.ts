import { expect, it } from 'vitest'
import { brokerCommand, brokerPort, sourceName } from './built-in.ts'

it.each([
  [['MQTT 3.1.1', 'port 41883'], 41883],
  [['mqtt://127.0.0.1:1884'], 1884],
  [['built in', '41 topics'], 1883],
  [[], 1883],
])('%j is port %d', (about, port) => expect(brokerPort(about)).toBe(port))

it('says no more than is needed', () => {
  expect(brokerCommand('127.0.0.1', 1883)).toBe('mosquitto_pub -t plant/press-1/temp -m 41.7')
  expect(brokerCommand('127.0.0.1', 2000)).toBe('mosquitto_pub -h 127.0.0.1 -p 2000 -t plant/press-1/temp -m 41.7')
  expect(brokerCommand('h', 1883, true)).toBe('mosquitto_pub -h h -u key -P YOUR_KEY -t plant/press-1/temp -m 41.7')
})

it.each([
  ['embedded', 'system', 'Built-in broker'],
  ['embedded', 'user', 'embedded'],
  ['otlp: shop (69abd4)', 'system', 'OpenTelemetry'],
  ['samples: a (b) (69abd4)', 'system', 'Samples'],
  ['otlp: shop (69abd4)', 'user', 'OpenTelemetry'],
  ['otlp: shop', 'user', 'otlp: shop'],
  ['other', 'system', 'other'],
] as const)('%s of %s is called %s', (name, managedBy, shown) => expect(sourceName({ name, managedBy })).toBe(shown))
