import type { FileDefinition, SyslogDefinition } from '@driftline/ingest/definitions/logs'
import type { PreviewAnswer } from '@driftline/ingest/request-types'
import { readDefinition } from '@driftline/ingest/source-definition'
import type { PreviewTask } from '@driftline/ingest/source-requests'
import type { Clock } from '@driftline/platform/clock'
import type { TailerConfig } from '../config.ts'
import type { Roots } from '../follow/log-file.ts'
import { followerConfigOf, readerConfigOf } from '../sources/file-source.ts'
import type { Tap } from '../sources/source-kit.ts'
import { listenerConfigOf, syslogReaderConfig } from '../sources/syslog-source.ts'
import { createSyslogListener } from '../syslog/listener.ts'
import { readTails } from './file-tails.ts'
import { type PreviewLine, previewLines } from './preview-lines.ts'

/** Shows what drafts make of what is really there: the last lines of files, or what arrives on a port meanwhile. */
export interface Previews {
  run(task: PreviewTask, report: (answer: PreviewAnswer) => void, signal: AbortSignal): Promise<void>
}

export interface PreviewsDeps {
  readonly roots: Roots
  readonly clock: Clock
  /** Of a saved source that has the port itself: what it takes in; null when it does not run or has none. */
  lend(tenant: string, id: string): Tap | null
}

const ITEMS_MAX = 20
const KEPT_MAX = 500
const LINE_BYTES_MAX = 16_384
const REFRESH_MS = 1000
const empty = { perSecond: 0, items: [], unmapped: [], detected: null }

export function createPreviews(config: TailerConfig, deps: PreviewsDeps): Previews {
  const { clock, roots } = deps

  const files = async (task: PreviewTask, definition: FileDefinition): Promise<PreviewAnswer> => {
    const limits = { ...config, roots, directory: '' }
    const follower = followerConfigOf(definition, limits)
    const { lines, files: many, refusals } = await readTails(follower)
    const draft = { tenant: task.tenant, id: task.source, name: 'draft', definition }
    const { processOf } = readerConfigOf(draft, config.bounds)
    const seen = previewLines(definition.reading, lines, ITEMS_MAX, clock.nowMs(), processOf)
    const said = refusals.slice(0, 5).map(({ path, reason }) => `${path}: ${reason}`)
    const message = [seen.problem, ...said, many === 0 ? 'No file matches yet.' : ''].filter((text) => text !== '')
    const state = seen.problem !== '' ? 'failed' : lines.length === 0 ? 'waiting' : 'receiving'
    return { ...empty, state, message: message.join('\n'), items: seen.items, detected: seen.detected }
  }

  const syslog = async (
    task: PreviewTask,
    definition: SyslogDefinition,
    report: (answer: PreviewAnswer) => void,
    signal: AbortSignal,
  ): Promise<void> => {
    let lines: PreviewLine[] = []
    let count = 0
    let since = clock.nowMs()
    const take = (subject: string, bytes: Buffer): boolean => {
      count += 1
      lines.push({ subject, bytes: Buffer.from(bytes.subarray(0, LINE_BYTES_MAX)) })
      if (lines.length > KEPT_MAX * 2) lines = lines.slice(-KEPT_MAX)
      return true
    }
    const draft = { tenant: task.tenant, id: task.source, name: 'draft', definition }
    const { processOf } = syslogReaderConfig(draft, config.bounds)
    const answer = (): PreviewAnswer => {
      const nowMs = clock.nowMs()
      const perSecond = count / Math.max(1, (nowMs - since) / 1000)
      count = 0
      since = nowMs
      const seen = previewLines(definition.reading, lines.slice(-KEPT_MAX), ITEMS_MAX, nowMs, processOf)
      const state = seen.problem !== '' ? 'failed' : lines.length === 0 ? 'waiting' : 'receiving'
      return { ...empty, state, message: seen.problem, perSecond, items: seen.items, detected: seen.detected }
    }
    const lent = task.source === '' ? null : deps.lend(task.tenant, task.source)
    const stop = lent === null ? await listen(definition, take) : lent.take(take)
    try {
      await untilAborted(signal, () => Promise.resolve(report(answer())))
    } finally {
      await stop()
    }
  }

  const listen = async (definition: SyslogDefinition, take: (sender: string, bytes: Buffer) => boolean) => {
    const limits = { ...config.syslog, recordBytesMax: config.recordBytesMax, bounds: config.bounds }
    const listener = createSyslogListener(listenerConfigOf(definition, limits), { take, refused: () => {} })
    try {
      await listener.start()
    } catch (error) {
      await listener.stop()
      throw error
    }
    return () => listener.stop()
  }

  return {
    async run(task, report, signal) {
      const kind = task.kind === 'syslog' ? 'syslog' : 'file'
      const read = readDefinition(kind, task.definition)
      if (!read.ok) return report({ ...empty, state: 'failed', message: read.message })
      if (kind === 'syslog') return await syslog(task, read.value as SyslogDefinition, report, signal)
      await untilAborted(signal, async () => report(await files(task, read.value as FileDefinition)))
    },
  }
}

/** Does something at once and every second; an error ends it. */
async function untilAborted(signal: AbortSignal, act: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await act()
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, REFRESH_MS)
      signal.addEventListener('abort', done)
    })
  }
}
