import { z } from 'zod'
import { type AnyRoute, route } from '../http/route.ts'
import { contentTypes, type ReportMaker, type ReportRequest } from './report-maker.ts'
import {
  completionReport,
  performanceReport,
  type ReportName,
  type reportFormats,
  reportNames,
  reportQuery,
} from './report-schemas.ts'

/** Each report in each format. */
export function reportRoutes({ reports }: { readonly reports: ReportMaker }): AnyRoute[] {
  return reportNames.flatMap((name) => [
    jsonRoute(name, reports),
    fileRoute(name, 'pdf', reports),
    fileRoute(name, 'csv', reports),
  ])
}

const about: Record<ReportName, string> = {
  completion: 'How business processes were completed',
  performance: 'How processes performed against what is usual',
}
const schemas = { completion: completionReport, performance: performanceReport } as const

type Asked = z.output<typeof reportQuery>

function requestOf(report: ReportName, tenant: string, { process, from, to, tz, locale }: Asked): ReportRequest {
  return { tenant, report, processes: process ?? null, from, to, timeZone: tz, locale }
}

function jsonRoute(name: ReportName, reports: ReportMaker): AnyRoute {
  return route({
    method: 'get',
    path: `/api/v1/reports/${name}.json`,
    summary: `${about[name]}, for programs`,
    tag: 'Reports',
    query: reportQuery,
    status: 200,
    response: schemas[name] as z.ZodType,
    refusals: [404],
    handle: async ({ tenant, query }) => ({ body: await reports.make(requestOf(name, tenant, query)) }),
  })
}

function fileRoute(
  name: ReportName,
  format: Exclude<(typeof reportFormats)[number], 'json'>,
  reports: ReportMaker,
): AnyRoute {
  const words = {
    pdf: `${about[name]}, to read and print`,
    csv: `${about[name]}, as a table: UTF-8 with a byte order mark, RFC 4180; texts that begin like a formula get an apostrophe in front`,
  }
  return route({
    method: 'get',
    path: `/api/v1/reports/${name}.${format}`,
    summary: words[format],
    tag: 'Reports',
    query: reportQuery,
    status: 200,
    response: z.instanceof(Uint8Array).meta({ type: 'string', format: 'binary' }),
    contentType: contentTypes[format],
    refusals: [404],
    cache: 'private, no-store',
    async handle({ tenant, query }) {
      const file = await reports.file(requestOf(name, tenant, query), format)
      return { body: file.bytes, headers: { 'content-disposition': `attachment; filename="${file.name}"` } }
    },
  })
}
