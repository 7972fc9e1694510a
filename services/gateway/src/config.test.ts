import { AppError } from '@driftline/platform/errors'
import { describe, expect, it } from 'vitest'
import { readGatewayConfig } from './config.ts'

const read = (env: Record<string, string>, yaml: unknown = {}) => readGatewayConfig({ env, yaml, file: null })

describe('the settings of the gateway', () => {
  it('have defaults that keep to this machine', () => {
    expect(read({})).toMatchObject({ bind: '127.0.0.1', httpPort: 8080, tls: null, corsOrigins: [], trustedProxies: 0 })
    expect(read({}).retention).toEqual({ rawMs: 48 * 3_600_000, rollupMs: 30 * 86_400_000 })
  })

  it('come from the environment or the file', () => {
    expect(read({ DRIFTLINE_CORS_ORIGINS: 'https://a.example, https://b.example:8443' }).corsOrigins).toEqual([
      'https://a.example',
      'https://b.example:8443',
    ])
    expect(read({}, { tls: { cert_file: 'a', key_file: 'b' }, trust_proxy: 1 })).toMatchObject({
      tls: { certFile: 'a', keyFile: 'b' },
      trustedProxies: 1,
    })
  })

  it('say where agents connect, if that is an address', () => {
    const at = (address: string) => read({ DRIFTLINE_AGENTS_ADDRESS: address }).agents.address
    expect(read({}).agents.address).toBeNull()
    expect(at('https://driftline.example:8090')).toBe('https://driftline.example:8090')
    expect(() => at('driftline.example:8090')).toThrow(/DRIFTLINE_AGENTS_ADDRESS/)
  })

  it('name the proxies that are believed, by number or by address', () => {
    const of = (text: string) => read({ DRIFTLINE_TRUST_PROXY: text }).trustedProxies
    expect(of('2')).toBe(2)
    expect(of('loopback, 10.0.0.0/8')).toEqual(['loopback', '10.0.0.0/8'])
    for (const wrong of ['true', '-1', '11', '1.5', '10.0.0.0/8,', 'proxy.example']) {
      expect(() => of(wrong)).toThrow(/DRIFTLINE_TRUST_PROXY: must be a number of proxies/)
    }
    expect(() => read({}, { trust_proxy: true })).toThrow(/trust_proxy/)
  })

  it('are refused with their names', () => {
    expect(() => read({ DRIFTLINE_TLS_CERT_FILE: 'a' })).toThrow(/^tls: cert_file and key_file go together/)
    expect(() => read({ DRIFTLINE_CORS_ORIGINS: 'https://a.example/path', DRIFTLINE_HTTP_PORT: '99999' })).toThrow(
      AppError,
    )
    expect(() => read({ DRIFTLINE_CORS_ORIGINS: 'https://a.example/path', DRIFTLINE_HTTP_PORT: '99999' })).toThrow(
      /DRIFTLINE_HTTP_PORT[\s\S]*DRIFTLINE_CORS_ORIGINS|DRIFTLINE_CORS_ORIGINS[\s\S]*DRIFTLINE_HTTP_PORT/,
    )
  })
})
