import type { SelfMetrics } from '@driftline/platform/metrics'

/** A request that was let in. What it holds is given back when it ends. */
export interface Admitted {
  /** Takes more bytes; false when there is no room for them. */
  grow(bytes: number): boolean
  /** Gives some of them back. */
  shrink(bytes: number): void
  /** Gives everything back; again does nothing. */
  release(): void
}

/** Bounds what all requests hold together, so that memory does not depend on how many send at once. */
export interface Pressure {
  /** Null when there are too many requests already, of this key or at all. */
  admit(key: string): Admitted | null
}

export interface PressureConfig {
  readonly bytesInFlightMax: number
  readonly requestsMax: number
  readonly requestsPerKeyMax: number
}

export function createPressure(config: PressureConfig, metrics: SelfMetrics): Pressure {
  const gauge = metrics.gauge('driftline_push_bytes_in_flight', 'Bytes of pushed requests that are not answered yet')
  const perKey = new Map<string, number>()
  let requests = 0
  let bytes = 0
  return {
    admit(key) {
      const own = perKey.get(key) ?? 0
      if (requests >= config.requestsMax || own >= config.requestsPerKeyMax) return null
      requests += 1
      perKey.set(key, own + 1)
      let held = 0
      let open = true
      return {
        grow(more) {
          if (bytes + more > config.bytesInFlightMax) return false
          bytes += more
          held += more
          gauge.set(bytes)
          return true
        },
        shrink(less) {
          bytes -= less
          held -= less
          gauge.set(bytes)
        },
        release() {
          if (!open) return
          open = false
          bytes -= held
          requests -= 1
          gauge.set(bytes)
          const left = (perKey.get(key) ?? 1) - 1
          if (left > 0) perKey.set(key, left)
          else perKey.delete(key)
        },
      }
    },
  }
}
