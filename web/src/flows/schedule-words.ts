import type { FlowSchedule } from '../api/flow-types.ts'

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const units: readonly (readonly [number, string])[] = [
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
]
const short: Readonly<Record<string, string>> = { day: 'd', hour: 'h', minute: 'min', second: 's' }

const isNumber = (text: string): boolean => /^\d+$/.test(text)
const two = (text: string): string => text.padStart(2, '0')

function every(seconds: number): string {
  const unit = units.find(([size]) => seconds % size === 0 && seconds >= size) ?? ([1, 'second'] as const)
  const count = seconds / unit[0]
  return count === 1 ? `every ${unit[1]}` : `every ${count} ${short[unit[1]]}`
}

/** `1`, `1-5`, `MON,WED`: the days as people say them; null where it is more than that. */
function dayWords(field: string): string | null {
  const names = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
  const plain = names.reduce((text, name, at) => text.replaceAll(name, String(at)), field.toLowerCase())
  if (plain === '*' || plain === '?') return 'every day'
  if (plain === '1-5') return 'Monday to Friday'
  if (/^[0-7]-[0-7]$/.test(plain)) return `${days[Number(plain[0]) % 7]} to ${days[Number(plain[2]) % 7]}`
  if (!/^[0-7](,[0-7])*$/.test(plain)) return null
  const said = plain.split(',').map((one) => days[Number(one) % 7])
  return `every ${said.length === 1 ? said[0] : `${said.slice(0, -1).join(', ')} and ${said.at(-1)}`}`
}

function hourWords(minute: string, hour: string): string | null {
  const step = /^\*\/(\d+)$/.exec(minute)
  if (hour === '*' && step) return every(Number(step[1]) * 60)
  if (hour === '*' && minute === '*') return 'every minute'
  if (hour === '*' && isNumber(minute)) return Number(minute) === 0 ? 'every hour' : `every hour at :${two(minute)}`
  const hours = /^\*\/(\d+)$/.exec(hour)
  if (hours && isNumber(minute)) return `every ${hours[1]} h${Number(minute) === 0 ? '' : ` at :${two(minute)}`}`
  if (isNumber(minute) && /^\d+(,\d+)*$/.test(hour))
    return `at ${hour
      .split(',')
      .map((one) => `${two(one)}:${two(minute)}`)
      .join(', ')}`
  return null
}

/** A cron expression in words, `Monday to Friday at 06:00`; null where only the expression itself says it. */
export function cronWords(cron: string): string | null {
  const fields = cron.trim().split(/\s+/)
  const [second, minute, hour, date, month, day] = fields.length === 6 ? fields : ['0', ...fields]
  if (minute === undefined || hour === undefined || date === undefined || month === undefined || day === undefined)
    return null
  const seconds = /^\*\/(\d+)$/.exec(second ?? '')
  if (seconds && [minute, hour, date, month, day].every((one) => one === '*')) return every(Number(seconds[1]))
  if (second !== '0' && second !== '00') return null
  const time = hourWords(minute, hour)
  const weekday = dayWords(day)
  if (time === null || weekday === null || month !== '*') return null
  if (date !== '*' && date !== '?') return isNumber(date) && day === '*' ? `day ${date} of the month ${time}` : null
  if (weekday === 'every day') return time.startsWith('at ') ? `every day ${time}` : time
  return `${weekday} ${time}`
}

/** When a schedule runs a flow, as people say it; the time zone where it matters. */
export function scheduleWords(schedule: FlowSchedule): string {
  if ('everySeconds' in schedule) return every(schedule.everySeconds)
  const words = cronWords(schedule.cron) ?? schedule.cron
  const zone = schedule.timeZone ?? 'UTC'
  return /\d\d:\d\d|day|\*/.test(words) && !/^every (minute|hour|\d+ (min|h|s))$/.test(words)
    ? `${words} ${zone}`
    : words
}

/** All schedules of a flow in one line. */
export function schedulesWords(schedules: readonly FlowSchedule[], active: boolean): string {
  if (schedules.length === 0) return 'by hand'
  const words = schedules.map(scheduleWords).join(' and ')
  return active ? words : `${words}, switched off`
}
