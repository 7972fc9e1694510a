import { format, plain } from '../../format.ts'

const none = '–'

export const share = (value: number | null | undefined): string => plain(format.share(value ?? null)) || none
export const duration = (ms: number | null | undefined): string =>
  ms === null || ms === undefined ? none : (format.duration(ms) ?? none)
export const day = (iso: string): string =>
  new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' }).format(
    Date.parse(iso),
  )
