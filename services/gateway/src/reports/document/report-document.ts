import type { ReportFormat } from '../report-format.ts'
import type { Report } from '../report-schemas.ts'
import type { ReportDocument } from './blocks.ts'
import { completionBlocks, completionPeriod, completionTitle } from './completion-document.ts'
import { performanceBlocks, performancePeriod, performanceTitle } from './performance-document.ts'

/** What is read of a report, in the words of its format. */
export function reportDocument(report: Report, format: ReportFormat): ReportDocument {
  const shared = { finding: report.finding, generatedAtMs: Date.parse(report.generatedAt), language: 'en' }
  if (report.report === 'completion') {
    const [title, period] = [completionTitle(report), completionPeriod(report, format)]
    return { ...shared, title, period, blocks: completionBlocks(report, format) }
  }
  const [title, period] = [performanceTitle(report), performancePeriod(report, format)]
  return { ...shared, title, period, blocks: performanceBlocks(report, format) }
}
