import { randomUUID } from 'node:crypto'
import type { Clock } from '@driftline/platform/clock'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { ReportMaker } from '../report-maker.ts'
import { periodBefore } from './schedule-period.ts'
import type { ReportMail, ScheduleRow, ScheduleStore } from './schedule-store.ts'

/** Makes the reports that are due, one after the other, and hands them to the outbox. */
export interface ReportScheduler extends Component {
  /** Makes one now and sends it, beside its times. Errors: as of `ReportMaker`; answers the id of what is sent. */
  sendNow(schedule: ScheduleRow): Promise<string>
}

export interface SchedulerDeps {
  readonly schedules: ScheduleStore
  readonly reports: ReportMaker
  readonly clock: Clock
  readonly logger: Logger
}

const LOOK_EVERY_MS = 1000
const LEASE_MS = 120_000
const AGAIN_MS = 30_000
const ATTEMPTS_MAX = 10
const PRUNE_EVERY_MS = 600_000
/** Of all files of a mail: what more servers refuse. */
export const ATTACHMENTS_BYTES_MAX = 5 * 1024 * 1024

export function createReportScheduler({ schedules, reports, clock, logger }: SchedulerDeps): ReportScheduler {
  const owner = randomUUID()
  let timer: NodeJS.Timeout | undefined
  let work: Promise<void> = Promise.resolve()
  let isBusy = false
  let prunedMs = 0

  async function mailOf(schedule: ScheduleRow, atMs: number): Promise<ReportMail> {
    const { tenant, report, processes, period, timeZone, locale, name, formats } = schedule
    const { fromMs, toMs } = periodBefore(atMs, period, timeZone)
    const request = {
      tenant,
      report,
      processes: processes.length === 0 ? null : processes,
      from: fromMs,
      to: toMs,
      timeZone,
      locale,
    }
    const attachments: { name: string; contentType: string; content: string }[] = []
    const notes: string[] = []
    let finding = ''
    let bytes = 0
    for (const format of formats) {
      const file = await reports.file(request, format)
      finding = file.finding
      if (bytes + file.bytes.length > ATTACHMENTS_BYTES_MAX) {
        notes.push(
          `${file.name} is too large for a mail (${Math.ceil(file.bytes.length / 1e6)} MB); download it from Reports.`,
        )
        continue
      }
      bytes += file.bytes.length
      const content = Buffer.from(file.bytes).toString('base64')
      attachments.push({ name: file.name, contentType: file.contentType, content })
    }
    if (attachments.length === 0) throw new Error(notes.join(' '))
    return {
      subject: `${name}: ${finding}`,
      message: [finding, ...notes, `Sent by Driftline, for the schedule “${name}”.`].join('\n'),
      attachments,
    }
  }

  async function makeDue(): Promise<void> {
    for (;;) {
      const schedule = await schedules.claim(owner, LEASE_MS)
      if (schedule === null) return
      try {
        const mail = await mailOf(schedule, schedule.dueMs)
        await schedules.send(schedule, `due ${schedule.dueMs}`, mail, owner)
        logger.info({ schedule: schedule.id }, 'a report was handed to the outbox')
      } catch (error) {
        logger.warn({ schedule: schedule.id, error }, 'a report could not be made')
        const reason = error instanceof Error ? error.message : 'unknown'
        await schedules.fail(
          schedule,
          owner,
          reason,
          schedule.attempts >= ATTEMPTS_MAX ? null : clock.nowMs() + AGAIN_MS,
        )
      }
    }
  }

  async function look(): Promise<void> {
    if (clock.nowMs() - prunedMs > PRUNE_EVERY_MS) {
      prunedMs = clock.nowMs()
      await schedules.prune()
    }
    await makeDue()
  }

  return {
    name: 'report-scheduler',
    async sendNow(schedule) {
      const nowMs = clock.nowMs()
      return schedules.send(schedule, `now ${nowMs} ${randomUUID()}`, await mailOf(schedule, nowMs), null)
    },
    async start() {
      timer = setInterval(() => {
        if (isBusy) return
        isBusy = true
        work = look()
          .catch((error: unknown) => logger.warn({ error }, 'schedules of reports are looked at later'))
          .finally(() => {
            isBusy = false
          })
      }, LOOK_EVERY_MS)
      timer.unref()
    },
    async stop() {
      clearInterval(timer)
      await work
    },
  }
}
