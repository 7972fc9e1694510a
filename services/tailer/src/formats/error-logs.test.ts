import { describe, expect, test } from 'vitest'
import { readLine } from './testing/read-lines.ts'

describe('nginx', () => {
  const lines: [string, string, object][] = [
    [
      'an upstream that failed',
      '2024/05/01 11:59:58 [error] 1234#5678: *90 connect() failed (111: Connection refused) while connecting to upstream, client: 203.0.113.7, server: example.com, request: "GET /a,b HTTP/1.1", upstream: "http://127.0.0.1:9000/a,b", host: "example.com", referrer: "https://example.com/, x"',
      {
        severity: 17,
        message: 'connect() failed (111: Connection refused) while connecting to upstream',
        fields: {
          'process.pid': '1234',
          'thread.id': '5678',
          'nginx.connection': '90',
          'client.address': '203.0.113.7',
          'server.address': 'example.com',
          'http.request.line': 'GET /a,b HTTP/1.1',
          'nginx.upstream.url': 'http://127.0.0.1:9000/a,b',
          'http.request.header.host': 'example.com',
          'http.request.header.referer': 'https://example.com/, x',
        },
      },
    ],
    [
      'without a connection',
      '2024/05/01 11:59:58 [notice] 1#1: signal process started',
      { severity: 10, message: 'signal process started', fields: { 'process.pid': '1', 'thread.id': '1' } },
    ],
    [
      'commas in the message',
      '2024/05/01 11:59:58 [warn] 1#1: *3 a, b, client: ::1',
      {
        severity: 13,
        message: 'a, b',
        fields: { 'process.pid': '1', 'thread.id': '1', 'nginx.connection': '3', 'client.address': '::1' },
      },
    ],
    ['emergency', '2024/05/01 11:59:58 [emerg] 1#0: bind() to 0.0.0.0:80 failed', { severity: 21 }],
    ['alert', '2024/05/01 11:59:58 [alert] 1#0: worker exited on signal 11', { severity: 19 }],
    ['crit', '2024/05/01 11:59:58 [crit] 1#0: *1 SSL_do_handshake() failed', { severity: 18 }],
    ['info', '2024/05/01 11:59:58 [info] 1#0: *1 client closed connection', { severity: 9 }],
    ['debug', '2024/05/01 11:59:58 [debug] 1#0: *1 http cl:-1', { severity: 5 }],
    [
      'no server',
      '2024/05/01 11:59:58 [error] 1#0: *1 x, client: ::1, server: , request: "GET / HTTP/1.1"',
      {
        message: 'x',
        attributes: {
          'process.pid': '1',
          'thread.id': '0',
          'nginx.connection': '1',
          'client.address': '::1',
          'http.request.line': 'GET / HTTP/1.1',
        },
      },
    ],
    ['no message', '2024/05/01 11:59:58 [error] 1#0: ', { message: '' }],
    ['a quote that never ends', '2024/05/01 11:59:58 [error] 1#0: x, request: "GET /', { message: 'x' }],
  ]
  test.each(lines)('%s', (_, line, expected) => {
    expect(readLine({ format: 'nginx-error' }, line)).toMatchObject({
      reason: 'ok',
      time: '2024-05-01T11:59:58.000Z',
      ...expected,
    })
  })

  test.each([
    ['nothing', ''],
    ['another level', '2024/05/01 11:59:58 [loud] 1#0: x'],
    ['no process', '2024/05/01 11:59:58 [error] x'],
    ['another date', '2024-05-01 11:59:58 [error] 1#0: x'],
    ['no such day', '2024/02/31 11:59:58 [error] 1#0: x'],
    ['cut', '2024/05/01 11:59:58 [err'],
  ])('refuses %s', (_, line) => {
    expect(readLine({ format: 'nginx-error' }, line).reason).toBe('not_nginx_error')
  })
})

describe('Apache', () => {
  const lines: [string, string, object][] = [
    [
      '2.4',
      '[Wed May 01 11:59:58.123456 2024] [core:error] [pid 35708:tid 4328636416] [client 72.15.99.187:1234] AH00124: Request exceeded the limit',
      {
        severity: 17,
        time: '2024-05-01T11:59:58.123Z',
        message: 'AH00124: Request exceeded the limit',
        fields: {
          'apache.module': 'core',
          'process.pid': '35708',
          'thread.id': '4328636416',
          'client.address': '72.15.99.187',
          'client.port': '1234',
        },
      },
    ],
    [
      '2.2',
      '[Wed May 01 11:59:58 2024] [error] [client 127.0.0.1] client denied by server configuration: /x',
      { severity: 17, time: '2024-05-01T11:59:58.000Z', fields: { 'client.address': '127.0.0.1' } },
    ],
    [
      'IPv6',
      '[Wed May 01 11:59:58.000000 2024] [ssl:warn] [pid 1] [client 2001:db8::1:443] x',
      {
        severity: 13,
        fields: { 'apache.module': 'ssl', 'process.pid': '1', 'client.address': '2001:db8::1', 'client.port': '443' },
      },
    ],
    [
      'notice',
      '[Wed May  1 11:59:58.5 2024] [mpm_event:notice] [pid 1:tid 2] AH00489: configured',
      { severity: 10, time: '2024-05-01T11:59:58.500Z' },
    ],
    ['trace', '[Wed May 01 11:59:58.000000 2024] [core:trace8] [pid 1] x', { severity: 1 }],
    [
      'PHP',
      '[Wed May 01 11:59:58.000000 2024] [php:notice] [pid 9] [client 10.0.0.1:5] PHP Notice:  Undefined',
      { severity: 10, message: 'PHP Notice:  Undefined' },
    ],
  ]
  test.each(lines)('%s', (_, line, expected) => {
    expect(readLine({ format: 'apache-error' }, line)).toMatchObject({ reason: 'ok', ...expected })
  })

  test.each([
    ['nothing', ''],
    ['no level', '[Wed May 01 11:59:58 2024] x'],
    ['another date', '[2024-05-01 11:59:58] [error] x'],
    ['no such month', '[Wed Foo 01 11:59:58 2024] [error] x'],
    ['brackets not closed', '[Wed May 01 11:59:58 2024] [error'],
    ['text', 'AH00558: apache2: Could not determine the name'],
  ])('refuses %s', (_, line) => {
    expect(readLine({ format: 'apache-error' }, line).reason).toBe('not_apache_error')
  })
})
