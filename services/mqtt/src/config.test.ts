import { expect, test } from 'vitest'
import { readMqttConfig } from './config.ts'

const read = (env: Record<string, string>) => readMqttConfig({ env, yaml: {}, file: null })

test('the embedded broker is there without settings, on loopback', () => {
  expect(read({}).broker).toMatchObject({ bind: '127.0.0.1', port: 1883, tls: null, anonymous: true })
})

test('is switched off, moved, closed and given a certificate by settings', () => {
  expect(read({ DRIFTLINE_MQTT_EMBEDDED: 'false' }).broker).toBeNull()
  const env = {
    DRIFTLINE_MQTT_PORT: '0',
    DRIFTLINE_MQTT_ANONYMOUS: 'false',
    DRIFTLINE_MQTT_TLS_CERT_FILE: 'a.pem',
    DRIFTLINE_MQTT_TLS_KEY_FILE: 'a.key',
  }
  const tls = { port: 8883, certFile: 'a.pem', keyFile: 'a.key' }
  expect(read(env).broker).toMatchObject({ port: 0, anonymous: false, tls })
})

test('a certificate without its key is refused', () => {
  expect(() => read({ DRIFTLINE_MQTT_TLS_CERT_FILE: 'a.pem' })).toThrow('cert_file and key_file')
})

test('an instance has one name over restarts, and each process a name of its own', () => {
  const { instance, owner } = read({ DRIFTLINE_MQTT_INSTANCE: 'one' })
  expect([instance, owner]).toEqual(['one', `one/${process.pid}`])
})
