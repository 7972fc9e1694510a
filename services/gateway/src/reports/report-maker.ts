import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import type { Clock } from '@driftline/platform/clock'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { Estate } from '../estate/estate.ts'
import { badParameter, notFound, ProblemError } from '../http/problems.ts'
import { makeCompletionReport, readFlowNames } from './completion.ts'
import { reportDocument } from './document/report-document.ts'
import type { PdfPress } from './pdf/pdf-press.ts'
import { makePerformanceReport } from './performance.ts'
import { reportCsv } from './report-csv.ts'
import { createReportFormat } from './report-format.ts'
import type { ReportFormat as FileFormat, Report, ReportName } from './report-schemas.ts'

/** What a report is asked for. Times are milliseconds since the Unix epoch; `processes` is null for all. */
export interface ReportRequest {
  readonly tenant: string
  readonly report: ReportName
  readonly processes: readonly string[] | null
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly timeZone: string
  readonly locale: string
}

export interface ReportFile {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly name: string
  readonly contentType: string
  readonly finding: string
}

/** Makes reports, a few at once. */
export interface ReportMaker {
  /**
   * Errors: 400 for a period that is empty or longer than what is kept and for processes that the report is not about,
   * 404 for unknown ones, 503 when too many are being made.
   */
  make(request: ReportRequest): Promise<Report>
  file(request: ReportRequest, format: FileFormat): Promise<ReportFile>
  stop(): Promise<void>
}

export interface ReportMakerDeps {
  readonly store: AnalyticsStore
  readonly metadata: Metadata
  readonly estate: Estate
  readonly clock: Clock
  readonly press: PdfPress
  /** How long runs and minutes are kept. */
  readonly retentionMs: number
}

const DAY_MS = 86_400_000
const DEFAULT_MS = 7 * DAY_MS
/** Reports being made at once: of the store's time, and PDFs, which take a thread each. */
const REPORTS_MAX = 8
const PDFS_MAX = 2
const FLOW = 'flow:'

export const contentTypes: Record<FileFormat, string> = {
  pdf: 'application/pdf',
  csv: 'text/csv; charset=utf-8',
  json: 'application/json',
}

export function createReportMaker(deps: ReportMakerDeps): ReportMaker {
  const reports = createPlaces(REPORTS_MAX)
  const pdfs = createPlaces(PDFS_MAX)

  async function make(request: ReportRequest): Promise<Report> {
    const scope = scopeOf(request, deps)
    const format = createReportFormat(request.locale, request.timeZone)
    if (request.report === 'performance') {
      return makePerformanceReport(deps.store, scope, chosenProcesses(deps, request), format)
    }
    const names = await readFlowNames(deps.metadata, request.tenant)
    refuseStrangers(request, (id) => names.has(id) || isSeen(deps, request.tenant, id))
    return makeCompletionReport(deps.store, { ...scope, processes: request.processes }, names, format)
  }

  async function file(request: ReportRequest, format: FileFormat): Promise<ReportFile> {
    const report = await make(request)
    const of = (bytes: Uint8Array<ArrayBuffer>): ReportFile => ({
      bytes,
      name: `${request.report}-${report.period.to.slice(0, 10)}.${format}`,
      contentType: contentTypes[format],
      finding: report.finding,
    })
    if (format === 'csv') return of(reportCsv(report))
    if (format === 'json') return of(Buffer.from(JSON.stringify(report)))
    const words = createReportFormat(request.locale, request.timeZone)
    return of((await deps.press.render(reportDocument(report, words))).bytes)
  }

  return {
    make: (request) => reports.take(() => make(request)),
    file: (request, format) => (format === 'pdf' ? pdfs : reports).take(() => file(request, format)),
    stop: () => deps.press.stop(),
  }
}

/** Lets so many in at once; who comes then is told to come again. */
function createPlaces(max: number) {
  let taken = 0
  return {
    async take<Result>(work: () => Promise<Result>): Promise<Result> {
      if (taken >= max) {
        const detail = `${max} reports are being made already; try again in a few seconds`
        throw new ProblemError(503, 'reports_busy', detail, { headers: { 'retry-after': '3' } })
      }
      taken++
      try {
        return await work()
      } finally {
        taken--
      }
    },
  }
}

function scopeOf({ tenant, from, to, timeZone }: ReportRequest, { clock, retentionMs }: ReportMakerDeps) {
  const nowMs = clock.nowMs()
  const toMs = to ?? nowMs
  const fromMs = from ?? toMs - Math.min(DEFAULT_MS, retentionMs)
  if (fromMs >= toMs) throw badParameter('from', 'must be before `to`')
  // A day more: months of 31 days, and days of 25 hours.
  if (toMs - fromMs > retentionMs + 2 * DAY_MS) {
    throw badParameter(
      'from',
      `must be at most ${Math.floor(retentionMs / DAY_MS)} days before \`to\`: no more is kept`,
    )
  }
  return { tenant, fromMs, toMs, nowMs, timeZone }
}

/** Those that were asked for; else everything but the many groups of programs. */
function chosenProcesses(deps: ReportMakerDeps, request: ReportRequest) {
  const { processes } = deps.estate.tenant(request.tenant)
  if (request.processes === null) return [...processes.values()].filter(({ kind }) => kind !== 'os')
  refuseStrangers(request, (id) => processes.has(id))
  return request.processes.map((id) => processes.get(id)!)
}

const isSeen = ({ estate }: ReportMakerDeps, tenant: string, id: string): boolean =>
  estate.tenant(tenant).processes.has(id)

function refuseStrangers({ processes, report }: ReportRequest, isKnown: (id: string) => boolean): void {
  for (const id of processes ?? []) {
    if (report === 'completion' && !id.startsWith(FLOW)) {
      throw badParameter('process', 'must be a business process, whose id begins with flow:')
    }
    if (!isKnown(id)) throw notFound('process', id)
  }
}
