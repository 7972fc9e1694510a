import { defineStore } from 'pinia'
import { type MaybeRefOrGetter, onScopeDispose, ref, shallowRef, toValue, watch } from 'vue'
import { useTime } from '../state/time.ts'
import { api } from './client.ts'
import { createLiveSocket, type LiveFrame, type LiveState } from './live-socket.ts'

/** A page that nobody sees for this long lets go of the connection. */
const hiddenGraceMs = 20_000
const latencySamples = 31
/** Clocks that differ by less are taken to agree: the way of a frame takes time as well. */
const skewMs = 2000

/** The state of the one live connection, and how long values take from where they were read to this screen. */
export const useLiveConnection = defineStore('live', () => {
  const state = ref<LiveState>('idle')
  const retryAtMs = ref<number | null>(null)
  const latencyMs = ref<number | null>(null)
  /** Server clock minus ours, in ms; 0 while they agree within `skewMs`. */
  const clockOffsetMs = ref(0)
  const recent: number[] = []

  function compareClocks(frame: LiveFrame): void {
    const sent = (frame.snapshot as { generatedAt?: unknown } | undefined)?.generatedAt
    const offset = typeof sent === 'string' ? Date.parse(sent) - Date.now() : Number.NaN
    if (Number.isFinite(offset)) clockOffsetMs.value = Math.abs(offset) > skewMs ? offset : 0
  }

  function measure(frame: LiveFrame): void {
    compareClocks(frame)
    const time = (frame.changes as { time?: unknown } | undefined)?.time
    const readAt = typeof time === 'string' ? Date.parse(time) : Number.NaN
    if (!Number.isFinite(readAt)) return
    recent.push(Date.now() + clockOffsetMs.value - readAt)
    if (recent.length > latencySamples) recent.shift()
    const middle = [...recent].sort((a, b) => a - b)[recent.length >> 1]
    latencyMs.value = middle === undefined ? null : Math.max(0, Math.round(middle))
  }

  const socket = createLiveSocket({
    open: () => new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/v1/live`),
    onState(next, retryInMs) {
      state.value = next
      retryAtMs.value = next === 'waiting' ? Date.now() + retryInMs : null
    },
    onFrame: measure,
    // A refused handshake has no status in the browser: an ordinary call tells whether the session is over.
    onRefused: () => void api.get('/sessions/current').catch(() => undefined),
  })

  let hiding: ReturnType<typeof setTimeout> | undefined
  document.addEventListener('visibilitychange', () => {
    clearTimeout(hiding)
    if (document.hidden) hiding = setTimeout(() => socket.pause(true), hiddenGraceMs)
    else socket.pause(false)
  })
  window.addEventListener('online', () => socket.retryNow())

  return { state, retryAtMs, latencyMs, clockOffsetMs, socket }
})

export interface LiveHandlers<Snapshot, Changes> {
  snapshot(value: Snapshot): void
  changes(value: Changes): void
}

/**
 * Listens to a channel while the component lives and the page is live; null listens to nothing. Rewinding lets go of
 * the channel, returning to live brings a new snapshot. `error` is what the server refused the channel with.
 */
export function useLive<Snapshot, Changes>(
  channel: MaybeRefOrGetter<string | null>,
  handlers: LiveHandlers<Snapshot, Changes>,
) {
  const time = useTime()
  const connection = useLiveConnection()
  const error = shallowRef<string | null>(null)
  let stop: (() => void) | null = null

  watch(
    () => (time.isLive ? toValue(channel) : null),
    (name) => {
      stop?.()
      error.value = null
      stop =
        name === null
          ? null
          : connection.socket.subscribe(name, {
              snapshot: (value) => {
                error.value = null
                handlers.snapshot(value as Snapshot)
              },
              changes: (value) => handlers.changes(value as Changes),
              error: (message) => {
                error.value = message
              },
            })
    },
    { immediate: true },
  )
  onScopeDispose(() => stop?.())
  return { error }
}
