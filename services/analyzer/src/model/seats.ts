import { EndKind } from '@driftline/proto'
import type { Instance } from './state.ts'

/**
 * A place under one parent that runs one command: of systemd, a supervisor, a shell's loop. A program that is started
 * again by the same parent with the same words has been restarted; whatever else bears its name has not.
 */
export interface Seat {
  readonly slot: number
  /** When it was left, and whether that was seen to be a failure; NaN while it is taken. */
  leftAtMs: number
  failed: boolean
  /** How long its last instance ran. */
  ranMs: number
  /** Until when a short run here still belongs to the chain that a long run began. */
  chainUntilMs: number
}

export type Seats = Map<string, Seat>

interface Left {
  readonly key: string
  readonly slot: number
  readonly atMs: number
  readonly ranMs: number
  readonly failed: boolean
}

/** What one frame does to seats. */
export interface SeatChanges {
  readonly left: Left[]
  readonly taken: Instance[]
}

/** A chain begins with a run of this length. */
const LONG_RUN_MS = 60_000
const CHAIN_MS = 600_000
/** What nobody saw fail was restarted when it is back within seconds; supervisors wait longer after failures. */
const BACK_WITHIN_MS = 10_000
const BACK_AFTER_FAILURE_MS = 300_000
/** Runs of a minute and more that are alike to this are a habit (`sleep 60`), not failures. */
const ALIKE_SHARE = 0.025
const ALIKE_MS = 2000
/** Per host; of what ends beyond it restarts are not told. */
const SEATS_MAX = 1024

/** Commands are told apart by a hash, so that long ones take no room. */
export function seatKey(slot: number, parentPid: number, command: string): string {
  let hash = 0x811c9dc5
  for (let at = 0; at < command.length; at++) hash = Math.imul(hash ^ command.charCodeAt(at), 0x01000193)
  return `${slot} ${parentPid} ${hash >>> 0}`
}

/** Notes an end; true when it has to wait for what comes before anybody can tell whether it was expected. */
export function leaveSeat(
  seats: Seats,
  { left }: SeatChanges,
  { seat: key, slot }: Instance,
  ranMs: number,
  atMs: number,
  kind: EndKind | undefined,
): boolean {
  const known = seats.get(key)
  if (kind === EndKind.SUCCESS) {
    seats.delete(key)
    return false
  }
  const isChain = ranMs >= LONG_RUN_MS || (known !== undefined && known.chainUntilMs >= atMs)
  if (!isChain || (known === undefined && seats.size + left.length >= SEATS_MAX)) return false
  const failed = kind === EndKind.FAILURE
  if (!failed && known !== undefined && areAlike(known.ranMs, ranMs)) {
    known.ranMs = ranMs
    return false
  }
  left.push({ key, slot, atMs, ranMs, failed })
  return !failed
}

const areAlike = (first: number, second: number): boolean =>
  Math.min(first, second) >= LONG_RUN_MS - ALIKE_MS &&
  Math.abs(first - second) <= ALIKE_MS + ALIKE_SHARE * Math.min(first, second)

export function awaitRestart(seats: Seats, { key, slot, atMs, ranMs, failed }: Left): void {
  const chainUntilMs = ranMs >= LONG_RUN_MS ? atMs + CHAIN_MS : (seats.get(key)?.chainUntilMs ?? atMs)
  seats.set(key, { slot, leftAtMs: atMs, failed, ranMs, chainUntilMs })
}

/** The seat, when an instance that has begun in it is a restart; else null. */
export function takeSeat(seats: Seats, key: string, atMs: number): Seat | null {
  const seat = seats.get(key)
  if (seat === undefined || Number.isNaN(seat.leftAtMs) || atMs - seat.leftAtMs > patienceOf(seat)) return null
  seat.leftAtMs = Number.NaN
  seat.chainUntilMs = atMs + CHAIN_MS
  return seat
}

/** Forgets seats that stayed empty, and chains that are over; answers the slots of ends that were no failures. */
export function expireSeats(seats: Seats, nowMs: number): number[] {
  const ended: number[] = []
  for (const [key, seat] of seats) {
    const isLeft = !Number.isNaN(seat.leftAtMs)
    if (isLeft ? nowMs - seat.leftAtMs <= patienceOf(seat) : seat.chainUntilMs >= nowMs) continue
    seats.delete(key)
    if (isLeft && !seat.failed) ended.push(seat.slot)
  }
  return ended
}

const patienceOf = ({ failed }: Seat): number => (failed ? BACK_AFTER_FAILURE_MS : BACK_WITHIN_MS)
