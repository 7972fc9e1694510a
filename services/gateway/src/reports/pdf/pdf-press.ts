import { Worker } from 'node:worker_threads'
import { AppError } from '@driftline/platform/errors'
import type { ReportDocument } from '../document/blocks.ts'
import type { RenderedPdf } from './render-pdf.ts'

/** Makes PDFs on threads of their own, so that nothing that is live waits for one. */
export interface PdfPress {
  /** Errors: `timeout` when one takes too long or its thread ends, `stopped`. */
  render(document: ReportDocument): Promise<RenderedPdf>
  stop(): Promise<void>
}

export interface PressOptions {
  /** A thread ends when it had nothing to do for so long: it holds some tens of megabytes. */
  readonly idleMs?: number
  readonly jobMs?: number
}

interface Job {
  readonly resolve: (rendered: RenderedPdf) => void
  readonly reject: (error: AppError) => void
}

interface Thread {
  readonly worker: Worker
  /** What it makes now; without, the thread waits for work. */
  job: Job | null
  timer: NodeJS.Timeout | undefined
}

/** As many threads as there are documents at once: who asks has counted them. */
export function createPdfPress({ idleMs = 60_000, jobMs = 30_000 }: PressOptions = {}): PdfPress {
  const threads = new Set<Thread>()
  let isStopped = false

  const end = (thread: Thread, error: AppError): Promise<unknown> => {
    clearTimeout(thread.timer)
    threads.delete(thread)
    thread.job?.reject(error)
    thread.job = null
    return thread.worker.terminate()
  }
  const giveUp = (thread: Thread, cause: unknown): void => {
    if (threads.has(thread))
      void end(thread, new AppError('timeout', 'The PDF could not be made', { retryable: true, cause }))
  }
  const rest = (thread: Thread): void => {
    clearTimeout(thread.timer)
    thread.timer = setTimeout(() => void end(thread, stoppedError()), idleMs)
    thread.timer.unref()
  }

  function open(): Thread {
    const worker = new Worker(workerEntry(), { name: 'report-pdf' })
    const thread: Thread = { worker, job: null, timer: undefined }
    worker.unref()
    worker.on('message', (rendered: RenderedPdf) => {
      const { job } = thread
      thread.job = null
      rest(thread)
      job?.resolve(rendered)
    })
    worker.on('error', (error) => giveUp(thread, error))
    worker.on('exit', (code) => giveUp(thread, new Error(`the thread ended with ${code}`)))
    threads.add(thread)
    return thread
  }

  return {
    render(document) {
      if (isStopped) return Promise.reject(stoppedError())
      const thread = [...threads].find(({ job }) => job === null) ?? open()
      return new Promise((resolve, reject) => {
        clearTimeout(thread.timer)
        thread.job = { resolve, reject }
        thread.timer = setTimeout(() => giveUp(thread, new Error(`not done after ${jobMs} ms`)), jobMs)
        thread.timer.unref()
        thread.worker.postMessage(document)
      })
    },
    async stop() {
      isStopped = true
      await Promise.all([...threads].map((thread) => end(thread, stoppedError())))
    },
  }
}

const stoppedError = (): AppError => new AppError('stopped', 'reports are not made any more')

/** From source the thread is TypeScript and loads its loader first; in the bundle it stands beside this file. */
const workerEntry = (): URL =>
  new URL(import.meta.url.endsWith('.ts') ? './pdf-worker-source.mjs' : './pdf-worker.js', import.meta.url)
