import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '../../logger.ts'
import { commitOf, type Environment, openEnvironment } from './environment.ts'
import { inspectSegmentFile } from './segment-file.ts'

/** How far a group has come in a partition. */
interface GroupPosition {
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** When the group last subscribed or committed, milliseconds since the epoch. */
  readonly seenAtMs: number
}

/** Committed offsets of all groups: in memory, and on disk at most `flushEveryMs` later. */
export interface GroupOffsets {
  open(): void
  get(group: string, topic: string, partition: number): number | undefined
  /** Never goes back. */
  set(group: string, topic: string, partition: number, offset: number): void
  forget(position: GroupPosition): void
  all(): Iterable<GroupPosition>
  /** Resolves when everything set so far is on disk. */
  flush(): Promise<void>
  close(): Promise<void>
}

const MAP_BYTES = 64 * 1024 * 1024

export function createGroupOffsets(
  directory: string,
  flushEveryMs: number,
  deps: { readonly logger: Logger; readonly nowMs: () => number },
): GroupOffsets {
  const path = join(directory, 'groups.mdb')
  const positions = new Map<string, GroupPosition>()
  const unsaved = new Set<string>()
  let environment: Environment<string> | null = null
  let timer: NodeJS.Timeout | null = null
  let flushing: Promise<void> = Promise.resolve()

  const write = async (): Promise<void> => {
    const keys = [...unsaved]
    if (keys.length === 0 || environment === null) return
    unsaved.clear()
    try {
      const database = environment
      const writes = keys.map((key) => {
        const position = positions.get(key)
        return position === undefined ? database.remove(key) : database.put(key, Buffer.from(JSON.stringify(position)))
      })
      await commitOf(writes)
    } catch (error) {
      for (const key of keys) unsaved.add(key)
      throw error
    }
  }

  const flush = (): Promise<void> => {
    flushing = flushing.catch(() => {}).then(write)
    return flushing
  }

  const schedule = (): void => {
    timer ??= setTimeout(() => {
      timer = null
      flush().catch((error: unknown) => {
        // Nothing is lost: groups read the records since the last flush again after a crash.
        deps.logger.warn({ error }, 'could not save consumer offsets; trying again')
        schedule()
      })
    }, flushEveryMs)
  }

  return {
    open() {
      mkdirSync(directory, { recursive: true })
      if (existsSync(path) && inspectSegmentFile(path) !== 'whole') {
        const aside = `${path}.damaged-${deps.nowMs()}`
        renameSync(path, aside)
        deps.logger.error({ keptAs: aside }, 'consumer offsets were damaged; groups start from the oldest records')
      }
      environment = openEnvironment<string>(path, { mapBytes: MAP_BYTES })
      for (const { key, value } of environment.getRange({})) {
        positions.set(key, JSON.parse(value.toString('utf8')) as GroupPosition)
      }
    },
    get: (group, topic, partition) => positions.get(keyOf(group, topic, partition))?.offset,
    set(group, topic, partition, offset) {
      const key = keyOf(group, topic, partition)
      const previous = positions.get(key)?.offset ?? 0
      positions.set(key, { group, topic, partition, offset: Math.max(previous, offset), seenAtMs: deps.nowMs() })
      unsaved.add(key)
      schedule()
    },
    forget({ group, topic, partition }) {
      const key = keyOf(group, topic, partition)
      positions.delete(key)
      unsaved.add(key)
      schedule()
    },
    all: () => positions.values(),
    flush,
    async close() {
      if (timer !== null) clearTimeout(timer)
      timer = null
      try {
        await flush()
      } finally {
        await environment?.close()
        environment = null
      }
    },
  }
}

const keyOf = (group: string, topic: string, partition: number): string => `${group}\n${topic}\n${partition}`
