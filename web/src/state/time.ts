import { defineStore } from 'pinia'
import { computed, ref, watch } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { fittingRangeMs, formatSpan, parseSpan } from './span.ts'

/** Closer to now than this counts as live. */
const liveWithinMs = 2_000
const playStepMs = 10_000

/**
 * The one time range of the page, kept in the URL as `range` (a span such as `1h`) and `at` (the moment rewound to).
 * Without `range` in the URL it is an hour, or the smallest preset that holds what there is.
 * Live: the range ends now and moves on. Rewound: it ends at `atMs`, and tables, tree and charts show that moment.
 * All values are milliseconds since 1970 in the browser's clock.
 */
export const useTime = defineStore('time', () => {
  const route = useRoute()
  const router = useRouter()
  const nowMs = ref(Date.now())
  const atMs = ref<number | null>(null)
  /** The range that the person chose; null leaves it to what there is to show. */
  const chosenMs = ref<number | null>(null)
  const fittingMs = ref(fittingRangeMs(null, Date.now()))
  const playing = ref(false)
  /** True while a hand drags the strip: expensive readers may wait for the end of it. */
  const dragging = ref(false)

  const rangeMs = computed(() => chosenMs.value ?? fittingMs.value)
  const isLive = computed(() => atMs.value === null)
  const toMs = computed(() => atMs.value ?? nowMs.value)
  const fromMs = computed(() => toMs.value - rangeMs.value)
  /** ISO time for `?at=`, or null when live. */
  const at = computed(() => (atMs.value === null ? null : new Date(atMs.value).toISOString()))

  let beganMs: number | null = null
  /** The fitting range grows with the data, but not under somebody who looks at a past moment. */
  function fit(): void {
    if (isLive.value) fittingMs.value = fittingRangeMs(beganMs, Date.now())
  }

  setInterval(() => {
    nowMs.value = Date.now()
    fit()
    if (playing.value && atMs.value !== null) moveTo(atMs.value + playStepMs)
  }, 1000)

  function readUrl(): void {
    const { range, at: moment } = route.query
    chosenMs.value = typeof range === 'string' ? parseSpan(range) : null
    const parsed = typeof moment === 'string' ? Date.parse(moment) : Number.NaN
    atMs.value = Number.isFinite(parsed) && parsed < Date.now() - liveWithinMs ? parsed : null
    if (atMs.value === null) playing.value = false
  }
  // Only these two: another part of the query may change while the URL has yet to learn what was chosen here.
  watch([() => route.query['range'], () => route.query['at']], readUrl, { immediate: true })

  let pending: ReturnType<typeof setTimeout> | undefined
  /** The URL follows a little later, so that a drag does not write it sixty times a second. */
  function writeUrl(): void {
    clearTimeout(pending)
    pending = setTimeout(() => {
      const query = { ...route.query }
      delete query['range']
      delete query['at']
      if (chosenMs.value !== null) query['range'] = formatSpan(chosenMs.value)
      if (at.value !== null) query['at'] = at.value
      void router.replace({ query, hash: route.hash })
    }, 150)
  }

  function moveTo(ms: number): void {
    const whole = Math.round(ms / 1000) * 1000
    if (whole > Date.now() - liveWithinMs) {
      atMs.value = null
      playing.value = false
    } else atMs.value = whole
    writeUrl()
  }

  return {
    nowMs,
    atMs,
    at,
    rangeMs,
    fromMs,
    toMs,
    isLive,
    playing,
    dragging,
    /** Shows the moment `ms`; a moment that is practically now returns to live. */
    rewind: moveTo,
    /** Moves the shown moment by so many milliseconds; from live, backwards only. */
    step: (ms: number) => moveTo(toMs.value + ms),
    goLive(): void {
      atMs.value = null
      playing.value = false
      writeUrl()
    },
    /** Whole minutes, and from two hours on whole five minutes: a length that a hand dragged is never exact. */
    setRange(ms: number): void {
      const step = ms < 7_200_000 ? 60_000 : 300_000
      chosenMs.value = Math.min(30 * 86_400_000, Math.max(60_000, Math.round(ms / step) * step))
      writeUrl()
    },
    /** When the first data came, ms since 1970: a range that nobody chose is not much longer than what there is. */
    noteBeginning(ms: number | null): void {
      beganMs = ms
      fit()
    },
    togglePlay(): void {
      playing.value = !playing.value && atMs.value !== null
    },
  }
})
