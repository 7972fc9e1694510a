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

/**
 * Starts components in order; on failure stops those that had started, in reverse, and rethrows.
 * Answers a function that stops everything in reverse order and never throws; what failed to stop is logged.
 */
export async function startAll(components: readonly Component[], logger: Logger): Promise<() => Promise<boolean>> {
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
    const startedAtMs = Date.now()
    try {
      await component.start()
    } catch (error) {
      // A half-started component may hold a port or a child: it is stopped with the rest.
      started.push(component)
      await stopAll()
      throw error
    }
    started.push(component)
    logger.debug({ component: component.name, durationMs: Date.now() - startedAtMs }, 'started')
  }
  return stopAll
}

/**
 * Runs components until SIGTERM, SIGINT or an error that nobody caught. The only place that exits the process.
 * `onReady` runs once everything has started.
 */
export async function runProcess(
  components: readonly Component[],
  options: RunOptions & { onReady?: () => void },
): Promise<void> {
  const { logger, stopDeadlineMs } = options
  let requestStop: (cause: StopCause) => void = () => {}
  const stopRequested = new Promise<StopCause>((resolve) => {
    requestStop = resolve
  })
  const onSignal = (signal: NodeJS.Signals): void => requestStop({ signal })
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  process.once('uncaughtException', (error) => requestStop({ error }))
  process.once('unhandledRejection', (error) => requestStop({ error }))

  let stopAll: () => Promise<boolean>
  try {
    stopAll = await startAll(components, logger)
  } catch (error) {
    sayWhyNot(error, logger)
    process.exit(1)
  }
  options.onReady?.()
  const cause = await stopRequested
  if (cause.error === undefined) logger.info({ signal: cause.signal }, 'stopping')
  else logger.fatal({ error: cause.error }, 'stopping after an unexpected error')

  setTimeout(() => {
    logger.fatal({ stopDeadlineMs }, 'stop deadline passed')
    process.exit(1)
  }, stopDeadlineMs).unref()
  const clean = await stopAll()
  process.exit(clean && cause.error === undefined ? 0 : 1)
}

/** What people can put right is said in one sentence; where in the code it was found would only hide it. */
function sayWhyNot(error: unknown, logger: Logger): void {
  if (error instanceof AppError) logger.fatal({ code: error.code }, error.message)
  else logger.fatal({ error }, error instanceof Error ? error.message : 'could not start')
}

interface StopCause {
  readonly signal?: NodeJS.Signals
  readonly error?: unknown
}
