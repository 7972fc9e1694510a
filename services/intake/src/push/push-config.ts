/** Bounds of the push doors. What exceeds one is refused with its own reason; all of them together bound the memory. */
export interface PushConfig {
  /** Name of this intake among others. */
  readonly instance: string
  /** The same, but the same after a restart: what the status of sources is kept by. */
  readonly statusInstance: string
  /** Body as it comes, compressed or not. */
  readonly bodyBytesMax: number
  /** Body once it is unpacked. */
  readonly decodedBytesMax: number
  /** Bytes of all requests that are not answered yet. */
  readonly bytesInFlightMax: number
  readonly requestsMax: number
  readonly requestsPerKeyMax: number
  /** A body from which nothing came for so long is given up. */
  readonly bodyIdleMs: number
  readonly publishTimeoutMs: number
  /** What a sender is asked to wait under pressure. */
  readonly retryAfterMs: number
  /** Older samples are refused: raw data would be deleted on arrival. */
  readonly ageMsMax: number
  /** Rows of logs are kept longer than samples. */
  readonly rowAgeMsMax: number
  readonly aheadMsMax: number
  readonly seriesPerTenantMax: number
  readonly seriesPerSourceMax: number
  /** Pairs of door and key that are remembered. */
  readonly sourcesMax: number
}

const MIB = 1024 * 1024
const HOUR = 3_600_000

export const pushDefaults: Omit<PushConfig, 'instance' | 'statusInstance'> = {
  bodyBytesMax: 16 * MIB,
  decodedBytesMax: 64 * MIB,
  bytesInFlightMax: 192 * MIB,
  requestsMax: 512,
  requestsPerKeyMax: 128,
  bodyIdleMs: 10_000,
  publishTimeoutMs: 15_000,
  retryAfterMs: 1000,
  ageMsMax: 48 * HOUR,
  rowAgeMsMax: 30 * 24 * HOUR,
  aheadMsMax: 10 * 60_000,
  seriesPerTenantMax: 300_000,
  seriesPerSourceMax: 200_000,
  sourcesMax: 2000,
}
