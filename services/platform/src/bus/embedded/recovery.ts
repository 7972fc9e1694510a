import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '../../logger.ts'
import { decodePack } from './pack.ts'
import { createSegment, inspectSegment, type Segment, segmentDirectory } from './segment.ts'

export interface RecoveredLog {
  readonly segments: Segment[]
  /** Offset that the next record gets. */
  readonly nextOffset: number
}

export interface RecoveryOptions {
  readonly directory: string
  readonly mapBytes: number
  readonly nowMs: () => number
  readonly logger: Logger
  /** Counts packs that had to be given up. */
  readonly onDamage: () => void
}

const SEGMENT_NAME = /^\d{16}$/
const SALVAGE_NAME = 'salvage'

/**
 * Finds the segments of a partition. LMDB never tears a commit that was flushed; a disk may. So the newest segment is
 * looked at before it is mapped and its last pack is checked; if that fails, the packs that are whole, from the start
 * up to the first damage, are copied to a fresh segment, and the damaged directory is kept aside for people.
 */
export async function recoverSegments(options: RecoveryOptions): Promise<RecoveredLog> {
  const { directory, mapBytes, nowMs } = options
  if (!existsSync(directory)) return { segments: [], nextOffset: 0 }
  rmSync(join(directory, SALVAGE_NAME), { recursive: true, force: true })
  const bases = readdirSync(directory)
    .filter((name) => SEGMENT_NAME.test(name))
    .map(Number)
    .sort((a, b) => a - b)
  const segments = bases.map((base) => createSegment(base, segmentDirectory(directory, base), mapBytes, nowMs))
  const newest = segments.at(-1)
  if (newest === undefined) return { segments, nextOffset: 0 }
  const state = inspectSegment(newest.directory)
  if (state === 'empty') {
    await newest.remove()
    segments.pop()
    return { segments, nextOffset: newest.base }
  }
  const end = state === 'whole' ? tryEnd(newest) : null
  if (end !== null) return { segments, nextOffset: end }
  segments.pop()
  const salvaged = await salvage(newest, state === 'unreadable', options)
  segments.push(salvaged)
  return { segments, nextOffset: salvaged.end() }
}

function tryEnd(segment: Segment): number | null {
  try {
    return segment.end()
  } catch {
    return null
  }
}

async function salvage(damaged: Segment, unreadable: boolean, options: RecoveryOptions): Promise<Segment> {
  const { directory, mapBytes, nowMs, logger } = options
  const fresh = createSegment(damaged.base, join(directory, SALVAGE_NAME), mapBytes, nowMs)
  let expected = damaged.base
  try {
    if (!unreadable) {
      for (const { firstOffset, bytes } of damaged.rawPacks()) {
        const pack = decodePack(bytes)
        if (pack === null || firstOffset !== expected) break
        await fresh.append([{ firstOffset, bytes }], nowMs())
        expected += pack.records.length
      }
    }
  } catch (error) {
    logger.warn({ error, directory: damaged.directory }, 'a damaged bus segment could not be read to its end')
  }
  await damaged.close()
  await fresh.close()
  const aside = `${damaged.directory}.damaged-${nowMs()}`
  renameSync(damaged.directory, aside)
  if (existsSync(fresh.directory)) renameSync(fresh.directory, damaged.directory)
  options.onDamage()
  logger.error({ keptAs: aside, recordsSaved: expected - damaged.base }, 'the end of a bus segment was damaged')
  return createSegment(damaged.base, damaged.directory, mapBytes, nowMs)
}
