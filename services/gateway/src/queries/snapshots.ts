import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import type { Frame } from '../estate/host-state.ts'

interface FrameRow {
  timeMs: number
  keyFrame: boolean
  description: string
  table: string
}

const COLUMNS = `toFloat64(toUnixTimestamp64Milli(ts)) AS timeMs, key_frame AS keyFrame,
  base64Encode(description) AS description, base64Encode(\`table\`) AS \`table\``

/** Key frames come every minute: one within this time is found without looking at days of frames. */
const NEAR_MS = 5 * 60_000

/** The last key frame at or before a moment and the frames from there to the moment, oldest first. */
export async function readFramesTo(
  store: AnalyticsStore,
  tenant: string,
  host: string,
  atMs: number,
): Promise<Frame[]> {
  const near = await readFramesSince(store, tenant, host, atMs, atMs - NEAR_MS)
  return near.length > 0 ? near : await readFramesSince(store, tenant, host, atMs, 0)
}

async function readFramesSince(
  store: AnalyticsStore,
  tenant: string,
  host: string,
  atMs: number,
  sinceMs: number,
): Promise<Frame[]> {
  const rows = await store.query<FrameRow>(
    `WITH (
       SELECT max(ts) FROM snapshots
       WHERE tenant = {tenant: String} AND host = {host: String} AND key_frame
         AND ts <= fromUnixTimestamp64Milli({at: Int64}, 'UTC') AND ts >= fromUnixTimestamp64Milli({since: Int64}, 'UTC')
     ) AS key_ts
     SELECT ${COLUMNS} FROM snapshots
     WHERE tenant = {tenant: String} AND host = {host: String} AND toUnixTimestamp64Milli(key_ts) > 0
       AND ts >= key_ts AND ts <= fromUnixTimestamp64Milli({at: Int64}, 'UTC')
     ORDER BY ts`,
    { tenant, host, at: Math.floor(atMs), since: Math.max(0, Math.floor(sinceMs)) },
  )
  return rows.map(toFrame)
}

/** Frames after one moment up to another, oldest first. */
export async function readFramesBetween(
  store: AnalyticsStore,
  tenant: string,
  host: string,
  afterMs: number,
  toMs: number,
): Promise<Frame[]> {
  const rows = await store.query<FrameRow>(
    `SELECT ${COLUMNS} FROM snapshots
     WHERE tenant = {tenant: String} AND host = {host: String}
       AND ts > fromUnixTimestamp64Milli({after: Int64}, 'UTC') AND ts <= fromUnixTimestamp64Milli({to: Int64}, 'UTC')
     ORDER BY ts`,
    { tenant, host, after: Math.floor(afterMs), to: Math.floor(toMs) },
  )
  return rows.map(toFrame)
}

/** One key frame of each step of a range, oldest first: the first that the step has. */
export async function readKeyFrames(
  store: AnalyticsStore,
  tenant: string,
  host: string,
  range: { fromMs: number; toMs: number; stepMs: number },
): Promise<Frame[]> {
  // The tables are large: only those that are shown are read.
  const rows = await store.query<FrameRow>(
    `SELECT ${COLUMNS} FROM snapshots
     WHERE tenant = {tenant: String} AND host = {host: String} AND key_frame AND ts IN (
       SELECT min(ts) FROM snapshots
       WHERE tenant = {tenant: String} AND host = {host: String} AND key_frame
         AND ts >= fromUnixTimestamp64Milli({from: Int64}, 'UTC') AND ts <= fromUnixTimestamp64Milli({to: Int64}, 'UTC')
       GROUP BY intDiv(toUnixTimestamp64Milli(ts) - {from: Int64}, {step: Int64}))
     ORDER BY ts`,
    { tenant, host, from: Math.floor(range.fromMs), to: Math.floor(range.toMs), step: range.stepMs },
  )
  return rows.map(toFrame)
}

function toFrame(row: FrameRow): Frame {
  return {
    timeMs: row.timeMs,
    keyFrame: row.keyFrame,
    description: Buffer.from(row.description, 'base64'),
    table: Buffer.from(row.table, 'base64'),
    gapBefore: false,
  }
}
