import { describe, expect, it } from 'vitest'
import { redactArguments } from './redact.ts'

/** `|` stands between arguments. */
const redact = (line: string): string => redactArguments(line.split('|')).join('|')

describe('redaction of what looks like a secret', () => {
  it.each([
    ['app|--password=hunter2', 'app|--password=[redacted]'],
    ['app|--password|hunter2|--verbose', 'app|--password|[redacted]|--verbose'],
    ['app|--db-password=a b c', 'app|--db-password=[redacted]'],
    ['app|-Dspring.datasource.password=x', 'app|-Dspring.datasource.password=[redacted]'],
    ['java|-Djavax.net.ssl.keyStorePassword=x|Main', 'java|-Djavax.net.ssl.keyStorePassword=[redacted]|Main'],
    ['app|--api-key|k1', 'app|--api-key|[redacted]'],
    ['app|--apiKey=k1', 'app|--apiKey=[redacted]'],
    ['app|--token=t1', 'app|--token=[redacted]'],
    ['app|token=t1', 'app|token=[redacted]'],
    ['app|-pass|x', 'app|-pass|[redacted]'],
    ['app|--client-secret|s', 'app|--client-secret|[redacted]'],
    ['env|PGPASSWORD=x|psql', 'env|PGPASSWORD=[redacted]|psql'],
    ['env|AWS_SECRET_ACCESS_KEY=abc/def|aws', 'env|AWS_SECRET_ACCESS_KEY=[redacted]|aws'],
    ['mysql|-u|root|-pS3cret|shop', 'mysql|-u|root|-p[redacted]|shop'],
    ['/usr/bin/mysqldump|-pS3cret', '/usr/bin/mysqldump|-p[redacted]'],
    ['sshpass|-p|x|ssh|host', 'sshpass|-p|[redacted]|ssh|host'],
    ['sudo|mysql|-px', 'sudo|mysql|-p[redacted]'],
    ['redis-cli|-a|x', 'redis-cli|-a|[redacted]'],
    ['curl|-u|ann:pw|https://x', 'curl|-u|[redacted]|https://x'],
    ['curl|--user|ann:pw|https://x', 'curl|--user|[redacted]|https://x'],
    ['curl|-H|Authorization: Bearer abc.def', 'curl|-H|Authorization: [redacted]'],
    ['curl|-H|X-Api-Key: abc', 'curl|-H|X-Api-Key: [redacted]'],
    ['curl|-H|Cookie: sid=abc', 'curl|-H|Cookie: [redacted]'],
    ['git|clone|https://ann:pw@host/x.git', 'git|clone|https://ann:[redacted]@host/x.git'],
    [
      'git|clone|https://ghp_0123456789012345678901234567890123456789@github.com/x',
      'git|clone|https://[redacted]@github.com/x',
    ],
    ['app|postgres://u:p/a?s@db:5432/x', 'app|postgres://u:[redacted]@db:5432/x'],
    ['app|redis://:pw@cache', 'app|redis://:[redacted]@cache'],
    ['aws|AKIAIOSFODNN7EXAMPLE', 'aws|[redacted]'],
    ['app|eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N', 'app|[redacted]'],
    ['sh|-c|mysql -u root -pS3cret db', 'sh|-c|mysql -u root -p[redacted] db'],
    // A secret may hold blanks: what follows it in the same argument goes with it.
    ['sh|-c|PGPASSWORD=x psql -h db', 'sh|-c|PGPASSWORD=[redacted]'],
    ['sh|-c|cd /x && PGPASSWORD=x psql -h db', 'sh|-c|cd /x && PGPASSWORD=[redacted] psql -h db'],
    ['sh|-c|app --password hunter2 --x', 'sh|-c|app --password [redacted] --x'],
    ['app|{"user":"a","password":"b c"}', 'app|{"user":"a","password":[redacted]}'],
    ['app|https://x/?a=1&access_token=abc&b=2', 'app|https://x/?a=1&access_token=[redacted]&b=2'],
    ['openssl|-passin|pass:abc', 'openssl|-passin|pass:[redacted]'],
  ])('%s', (line, expected) => {
    expect(redact(line)).toBe(expected)
  })

  it.each([
    'nginx|-g|daemon off;',
    'app|--password-file=/run/secrets/x',
    'app|--token-path|/run/x',
    'http://host:8080/path?mail=a@b.c',
    'ssh|-p|2222|git@host',
    'mkdir|-p|/tmp/x',
    'docker|run|--name|web',
    'git|clone|ssh://git@host/x.git',
    'app|--keyboard=us|--bypass|--author=x',
    'java|-cp|a.jar:b.jar|com.acme.Main',
  ])('leaves alone: %s', (line) => {
    expect(redact(line)).toBe(line)
  })

  it('is quick on hostile text', () => {
    const startedAt = performance.now()
    for (const unit of [
      'password',
      'a',
      '://',
      'eyJ.',
      'token=',
      "'",
      '-----',
      'a.b-c_d',
      'Authorization',
      ' p',
      'xoxb-',
      '"',
    ]) {
      redactArguments(['x', unit.repeat(4096 / unit.length)])
    }
    expect(performance.now() - startedAt).toBeLessThan(500)
  })
})
