import { describe, expect, test } from 'vitest'
import { readLine } from './testing/read-lines.ts'

describe('RFC 3164', () => {
  const lines: [string, string, object][] = [
    [
      'the example of the RFC',
      "<34>May  1 11:59:58 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
      {
        severity: 18,
        message: "'su root' failed for lonvick on /dev/pts/8",
        fields: { 'syslog.priority': 34, 'host.name': 'mymachine', 'syslog.appname': 'su' },
      },
    ],
    [
      'a pid',
      '<13>May  1 11:59:58 web-1 sshd[4123]: Accepted publickey',
      {
        severity: 10,
        message: 'Accepted publickey',
        fields: { 'syslog.priority': 13, 'host.name': 'web-1', 'syslog.appname': 'sshd', 'process.pid': '4123' },
      },
    ],
    [
      'a file without priority',
      'May  1 11:59:58 web-1 CRON[99]: (root) CMD (run)',
      { severity: 0, message: '(root) CMD (run)' },
    ],
    ['a level in the words', 'May 01 11:59:58 web-1 app: ERROR no disk', { severity: 17, message: 'ERROR no disk' }],
    ['the kernel', '<4>May  1 11:59:58 web-1 kernel: [12345.678] oops', { severity: 13, message: '[12345.678] oops' }],
    [
      'a name with a slash',
      '<22>May  1 11:59:58 mx postfix/smtpd[1]: connect',
      {
        severity: 9,
        fields: { 'syslog.priority': 22, 'host.name': 'mx', 'syslog.appname': 'postfix/smtpd', 'process.pid': '1' },
      },
    ],
    ['no tag', '<14>May  1 11:59:58 web-1 just words here', { severity: 9, message: 'just words here' }],
    [
      'no host',
      '<14>May  1 11:59:58 app[7]: hi there',
      { fields: { 'syslog.priority': 14, 'syslog.appname': 'app', 'process.pid': '7' }, message: 'hi there' },
    ],
    ['no space behind the tag', '<14>May  1 11:59:58 h app:hi', { message: 'hi' }],
    ['emergency', '<0>May  1 11:59:58 h a: x', { severity: 21 }],
    ['debug', '<191>May  1 11:59:58 h a: x', { severity: 5 }],
    [
      'newer rsyslog',
      '2024-05-01T13:59:58.123456+02:00 web-1 systemd[1]: Started x',
      { time: '2024-05-01T11:59:58.123Z', message: 'Started x' },
    ],
    ['newer rsyslog in UTC', '2024-05-01T11:59:58Z web-1 systemd[1]: Started x', { message: 'Started x' }],
    [
      'an address as host',
      '<14>May  1 11:59:58 192.0.2.1 a: x',
      { fields: { 'syslog.priority': 14, 'host.name': '192.0.2.1', 'syslog.appname': 'a' } },
    ],
  ]
  test.each(lines)('%s', (_, line, expected) => {
    expect(readLine({ format: 'rfc3164' }, line)).toMatchObject({
      reason: 'ok',
      time: expect.stringMatching(/^2024-05-01T11:59:58/),
      ...expected,
    })
  })

  const years: [string, string, number, string][] = [
    ['the old year just after its end', 'Dec 31 23:59:59', Date.UTC(2024, 0, 1, 0, 0, 5), '2023-12-31T23:59:59.000Z'],
    [
      'the new year just before its begin, by a clock ahead',
      'Jan  1 00:00:01',
      Date.UTC(2023, 11, 31, 23, 59, 58),
      '2024-01-01T00:00:01.000Z',
    ],
    ['a replayed file of last autumn', 'Nov 15 10:00:00', Date.UTC(2024, 1, 1), '2023-11-15T10:00:00.000Z'],
    ['the same day', 'Jul 14 10:00:00', Date.UTC(2024, 6, 14, 10, 1), '2024-07-14T10:00:00.000Z'],
    ['a leap day, next year', 'Feb 29 10:00:00', Date.UTC(2025, 0, 5), '2024-02-29T10:00:00.000Z'],
  ]
  test.each(years)('guesses the year by the arrival: %s', (_, time, arrivalMs, expected) => {
    expect(readLine({ format: 'rfc3164' }, `<14>${time} h a: x`, arrivalMs).time).toBe(expected)
  })

  test('reads local times in the zone of the settings', () => {
    const row = readLine({ format: 'rfc3164', timeZone: 'Asia/Kolkata' }, '<14>May  1 17:29:58 h a: x')
    expect(row.time).toBe('2024-05-01T11:59:58.000Z')
  })

  test.each([
    ['nothing', ''],
    ['text', 'hello world'],
    ['a priority alone', '<34>'],
    ['a priority too high', '<192>May  1 11:59:58 h a: x'],
    ['no such month', '<34>Foo  1 11:59:58 h a: x'],
    ['no such day', '<34>May 32 11:59:58 h a: x'],
    ['no such time', '<34>May  1 24:59:58 h a: x'],
    ['cut in the time', '<34>May  1 11:59'],
    ['cut behind the time', '<34>May  1 11:59:58'],
    ['RFC 5424', '<34>1 2024-05-01T11:59:58Z h a - - - x'],
    ['a date without a zone', '2024-05-01T11:59:58 h a: x'],
    ['NULs', '\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000'],
  ])('refuses %s', (_, line) => {
    expect(readLine({ format: 'rfc3164' }, line)).toMatchObject({ reason: 'not_rfc3164', message: line })
  })
})

describe('RFC 5424', () => {
  const lines: [string, string, object][] = [
    [
      'example 1',
      "<34>1 2024-05-01T11:59:58.003Z mymachine.example.com su - ID47 - \ufeff'su root' failed",
      {
        severity: 18,
        message: "'su root' failed",
        time: '2024-05-01T11:59:58.003Z',
        fields: {
          'syslog.priority': 34,
          'host.name': 'mymachine.example.com',
          'syslog.appname': 'su',
          'syslog.msgid': 'ID47',
        },
      },
    ],
    [
      'example 2',
      "<165>1 2024-05-01T05:59:58.000003-06:00 192.0.2.1 myproc 8710 - - %% It's time",
      {
        severity: 10,
        time: '2024-05-01T11:59:58.000Z',
        fields: { 'syslog.priority': 165, 'host.name': '192.0.2.1', 'syslog.appname': 'myproc', 'process.pid': '8710' },
      },
    ],
    [
      'example 3',
      '<165>1 2024-05-01T11:59:58.003Z h evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"] An entry',
      {
        message: 'An entry',
        attributes: {
          'syslog.priority': 165,
          'host.name': 'h',
          'syslog.appname': 'evntslog',
          'syslog.msgid': 'ID47',
          'syslog.exampleSDID@32473.iut': '3',
          'syslog.exampleSDID@32473.eventSource': 'Application',
          'syslog.exampleSDID@32473.eventID': '1011',
        },
      },
    ],
    [
      'example 4, without a message',
      '<165>1 2024-05-01T11:59:58.003Z h e - ID47 [a@1 x="3"][b@1 class="high"]',
      { message: '', fields: expect.objectContaining({ 'syslog.a@1.x': '3', 'syslog.b@1.class': 'high' }) },
    ],
    [
      'escapes',
      '<14>1 - - - - - [a@1 q="say \\"hi\\" \\\\ \\]"] m',
      {
        fields: { 'syslog.priority': 14, 'syslog.a@1.q': 'say "hi" \\ ]' },
        time: 'arrival',
        attributes: { 'syslog.priority': 14, 'syslog.a@1.q': 'say "hi" \\ ]' },
      },
    ],
    ['nothing known', '<14>1 - - - - - -', { message: '', time: 'arrival', severity: 9 }],
    ['an element without parameters', '<14>1 - h a - - [timeQuality] m', { message: 'm' }],
  ]
  test.each(lines)('%s', (_, line, expected) => {
    expect(readLine({ format: 'rfc5424' }, line)).toMatchObject({ reason: 'ok', ...expected })
  })

  test.each([
    ['version 2', '<34>2 2024-05-01T11:59:58Z h a - - - x', 'not_rfc5424'],
    ['no priority', '1 2024-05-01T11:59:58Z h a - - - x', 'not_rfc5424'],
    ['a word missing', '<34>1 2024-05-01T11:59:58Z h a - -', 'not_rfc5424'],
    ['an element not closed', '<34>1 - h a - - [a@1 x="3" m', 'not_rfc5424'],
    ['a value not closed', '<34>1 - h a - - [a@1 x="3', 'not_rfc5424'],
    ['no value', '<34>1 - h a - - [a@1 x] m', 'not_rfc5424'],
    ['no element', '<34>1 - h a - - [] m', 'not_rfc5424'],
    ['text for structured data', '<34>1 - h a - - hello', 'not_rfc5424'],
    ['RFC 3164', '<34>May  1 11:59:58 h a: x', 'not_rfc5424'],
    ['a time that is none', '<34>1 yesterday h a - - - x', 'time_invalid'],
    ['a time of 2262', '<34>1 2262-05-01T11:59:58Z h a - - - x', 'time_out_of_range'],
    ['a time with something behind', '<34>1 2024-05-01T11:59:58Zx h a - - - x', 'time_invalid'],
  ])('refuses %s', (_, line, reason) => {
    expect(readLine({ format: 'rfc5424' }, line)).toMatchObject({ reason, time: 'arrival', fields: {} })
  })

  test('names of structured data are bounded', () => {
    const elements = Array.from({ length: 2_000 }, (_, i) => `[e${i}@1 p="1"]`).join('')
    expect(readLine({ format: 'rfc5424' }, `<34>1 - h a - - ${elements} m`)).toMatchObject({
      reason: 'ok',
      message: 'm',
    })
  })
})
