import { AppError } from './errors.ts'
import type { Logger } from './logger.ts'

/** Something that runs. `start` resolves when it is ready for use; `stop` when nothing of it runs any more. */
export interface Component {
  readonly name: string
  start(): Promise<void>
  stop(): Promise<void>
}

export interface RunOptions {
  readonly logger: Logger
  /** One deadline for stopping everything, milliseconds; then the process exits with status 1. */
  readonly stopDeadlineMs: number
}

/** What `startAll` heeds and tells. */
export interface StartWatch {
  /** Once it is aborted no further component is started. */
  readonly stopping?: AbortSignal
  /** Hears of a failed start before anything is stopped for it: stopping may take long. */
  readonly onFailed?: (error: unknown) => void
}

/**
 * Starts components in order; on failure stops those that had started, in reverse, and rethrows. Answers a function
 * that stops everything in reverse order and never throws; what failed to stop is logged.
 */
export async function startAll(
  components: readonly Component[],
  logger: Logger,
  watch: StartWatch = {},
): Promise<() => Promise<boolean>> {
  const started: Component[] = []
  const stopAll = async (): Promise<boolean> => {
    let clean = true
    for (const component of started.splice(0).reverse()) {
      try {
        await component.stop()
      } catch (error) {
        clean = false
        logger.error({ error, component: component.name }, 'could not stop cleanly')
      }
    }
    return clean
  }
  for (const component of components) {
    if (watch.stopping?.aborted) break
    const startedAtMs = Date.now()
    try {
      await component.start()
    } catch (error) {
      // A half-started component may hold a port or a child: it is stopped with the rest.
      started.push(component)
      watch.onFailed?.(error)
      await stopAll()
      throw error
    }
    started.push(component)
    logger.debug({ component: component.name, durationMs: Date.now() - startedAtMs }, 'started')
  }
  return stopAll
}

/**
 * Runs components until SIGTERM, SIGINT or an error that nobody caught, also while they start. The only place that exits
 * the process. `onReady` runs once everything has started.
 */
export async function runProcess(
  components: readonly Component[],
  options: RunOptions & { onReady?: () => void },
): Promise<void> {
  const { logger, stopDeadlineMs } = options
  const stopping = new AbortController()
  let failed = false
  const requestStop = (): void => {
    if (stopping.signal.aborted) return
    stopping.abort()
    // Armed at once: a start may be waiting for an engine that never comes.
    setTimeout(() => {
      logger.fatal({ stopDeadlineMs }, 'stop deadline passed')
      process.exit(1)
    }, stopDeadlineMs).unref()
  }
  const onSignal = (signal: NodeJS.Signals): void => {
    if (!stopping.signal.aborted) logger.info({ signal }, 'stopping')
    requestStop()
  }
  // Listened for until the end: without a listener a second error would cut the stop short.
  const onError = (error: unknown): void => {
    failed = true
    logger.fatal({ error }, 'stopping after an unexpected error')
    requestStop()
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  process.on('uncaughtException', onError)
  process.on('unhandledRejection', onError)

  let stopAll: () => Promise<boolean>
  try {
    const onFailed = (error: unknown): void => {
      sayWhyNot(error, logger)
      requestStop()
    }
    stopAll = await startAll(components, logger, { stopping: stopping.signal, onFailed })
  } catch {
    process.exit(1)
  }
  if (!stopping.signal.aborted) options.onReady?.()
  await aborted(stopping.signal)
  const clean = await stopAll()
  process.exit(clean && !failed ? 0 : 1)
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/**
 * What people can put right is said in one sentence; where in the code it was found would only hide it. At a terminal
 * it is also said in plain: nobody looks for a sentence in a line of JSON.
 */
function sayWhyNot(error: unknown, logger: Logger): void {
  if (error instanceof AppError) logger.fatal({ code: error.code }, error.message)
  else logger.fatal({ error }, error instanceof Error ? error.message : 'could not start')
  if (!process.stderr.isTTY) return
  process.stderr.write(`Driftline could not start: ${error instanceof Error ? error.message : String(error)}\n`)
}
