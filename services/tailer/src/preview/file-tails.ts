import { closeSync, readSync } from 'node:fs'
import { findFiles, type Refusal } from '../follow/find-files.ts'
import type { FollowerConfig } from '../follow/follower.ts'
import { createRecordSpans, frameRecords } from '../follow/frame.ts'
import { openLogFile } from '../follow/log-file.ts'
import type { PreviewLine } from './preview-lines.ts'

const FILES_MAX = 5
const TAIL_BYTES = 64 * 1024
const LINES_PER_FILE = 200

/** The last records of the files that were written to last, oldest first; nothing is remembered. */
export async function readTails(
  config: FollowerConfig,
): Promise<{ readonly lines: readonly PreviewLine[]; readonly files: number; readonly refusals: readonly Refusal[] }> {
  const found = await findFiles(config, config.roots, config.limits)
  const newest = [...found.files].sort((a, b) => b.mtimeMs - a.mtimeMs).slice(0, FILES_MAX)
  const refusals = [...found.refusals]
  const lines: PreviewLine[] = []
  for (const file of newest.reverse()) {
    const opened = openLogFile(file, config.roots)
    if (opened === null) continue
    if ('refusal' in opened) {
      refusals.push({ path: file.path, reason: opened.refusal })
      continue
    }
    try {
      lines.push(...lastLines(opened.descriptor, opened.facts.size, file.path, config))
    } finally {
      closeSync(opened.descriptor)
    }
  }
  return { lines, files: found.files.length, refusals }
}

function lastLines(descriptor: number, size: number, subject: string, { framing }: FollowerConfig): PreviewLine[] {
  const from = Math.max(0, size - TAIL_BYTES)
  const bytes = Buffer.alloc(size - from)
  const got = readSync(descriptor, bytes, 0, bytes.length, from)
  const spans = createRecordSpans(TAIL_BYTES)
  // What is read from the middle of the file begins with the rest of a line.
  frameRecords(bytes.subarray(0, got), spans, framing, { skipping: from > 0, flush: 'all' })
  const first = Math.max(0, spans.count - LINES_PER_FILE)
  const begin = from > 0 ? bytes.indexOf(10) + 1 : 0
  const lines: PreviewLine[] = []
  for (let i = first; i < spans.count; i++) {
    const start = spans.starts[i]!
    if (start >= begin || from === 0) lines.push({ subject, bytes: bytes.subarray(start, spans.ends[i]!) })
  }
  return lines
}
