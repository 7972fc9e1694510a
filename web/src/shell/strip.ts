/** Pure geometry of the time strip: which moments the axis shows, and where on it they are. */
export interface Axis {
  readonly fromMs: number
  readonly toMs: number
  readonly width: number
}

const HOUR = 3_600_000
const DAY = 24 * HOUR
const longer = [3 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 60 * DAY]

/** A day (half a day on the phone), or as much more as the chosen range needs to be in sight. */
export function axisSpan(rangeFromMs: number, nowMs: number, phone: boolean): number {
  const needed = (nowMs - rangeFromMs) * 1.04
  return [phone ? DAY / 2 : DAY, ...(phone ? [DAY] : []), ...longer].find((span) => span >= needed) ?? needed
}

export function xOf(axis: Axis, ms: number): number {
  return ((ms - axis.fromMs) / (axis.toMs - axis.fromMs)) * axis.width
}

export function msOf(axis: Axis, x: number): number {
  return axis.fromMs + (x / axis.width) * (axis.toMs - axis.fromMs)
}

export interface Tick {
  readonly ms: number
  readonly x: number
  /** Empty for a hairline without words. */
  readonly label: string
}

interface TickLabels {
  minute(ms: number): string
  day(ms: number): string
}

/** Hairlines on whole local hours (or days), with words on as many as there is room for; midnight says the day. */
export function ticks(axis: Axis, labels: TickLabels, labelWidth: number): Tick[] {
  const span = axis.toMs - axis.fromMs
  const stepHours = span <= 1.5 * DAY ? 1 : span <= 4 * DAY ? 6 : 24
  const room = Math.max(1, Math.floor(axis.width / (labelWidth * 1.6)))
  const every =
    [1, 2, 3, 6, 12, 24, 48, 72, 168, 336].find((hours) => hours >= stepHours && span / HOUR / hours <= room) ?? 336
  const out: Tick[] = []
  const first = new Date(axis.fromMs)
  first.setMinutes(0, 0, 0)
  for (const at = first; at.getTime() <= axis.toMs; at.setHours(at.getHours() + 1)) {
    const ms = at.getTime()
    const hour = at.getHours()
    if (ms < axis.fromMs || hour % Math.min(stepHours, 24) !== 0) continue
    const x = xOf(axis, ms)
    const dayIndex = Math.floor((ms - at.getTimezoneOffset() * 60_000) / DAY)
    const labelled = every < 24 ? hour % every === 0 : hour === 0 && dayIndex % (every / 24) === 0
    const inside = x > labelWidth / 2 && x < axis.width - labelWidth / 2
    out.push({ ms, x, label: labelled && inside ? (hour === 0 ? labels.day(ms) : labels.minute(ms)) : '' })
  }
  return out
}
