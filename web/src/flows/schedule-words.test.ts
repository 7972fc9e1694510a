import { expect, it } from 'vitest'
import { cronWords, schedulesWords, scheduleWords } from './schedule-words.ts'

it.each([
  ['* * * * *', 'every minute'],
  ['*/5 * * * *', 'every 5 min'],
  ['*/10 * * * * *', 'every 10 s'],
  ['0 * * * *', 'every hour'],
  ['15 * * * *', 'every hour at :15'],
  ['0 */2 * * *', 'every 2 h'],
  ['0 6 * * *', 'every day at 06:00'],
  ['30 6,18 * * *', 'every day at 06:30, 18:30'],
  ['0 6 * * 1-5', 'Monday to Friday at 06:00'],
  ['0 6 * * MON,WED', 'every Monday and Wednesday at 06:00'],
  ['0 6 * * 0', 'every Sunday at 06:00'],
  ['0 6 1 * *', 'day 1 of the month at 06:00'],
  ['0 0 6 * * *', 'every day at 06:00'],
  ['0 6 1-7 * 1', null],
  ['5-10 6 * * *', null],
  ['0 6 * 2 *', null],
  ['nonsense', null],
])('%s is %s', (cron, words) => expect(cronWords(cron)).toBe(words))

it('says intervals in the unit that fits', () => {
  const say = (everySeconds: number) => scheduleWords({ everySeconds })
  expect([60, 30, 90, 3600, 7200, 86_400].map(say)).toEqual([
    'every minute',
    'every 30 s',
    'every 90 s',
    'every hour',
    'every 2 h',
    'every day',
  ])
})
it('says the time zone only where a time of the day is meant', () => {
  expect(scheduleWords({ cron: '0 6 * * *', timeZone: 'Europe/Berlin' })).toBe('every day at 06:00 Europe/Berlin')
  expect(scheduleWords({ cron: '*/5 * * * *' })).toBe('every 5 min')
  expect(scheduleWords({ cron: '5-10 6 * * *' })).toBe('5-10 6 * * * UTC')
})
it('says that nothing runs by itself', () => {
  expect(schedulesWords([], true)).toBe('by hand')
  expect(schedulesWords([{ everySeconds: 60 }], false)).toBe('every minute, switched off')
})
