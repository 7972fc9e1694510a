import { type MaybeRefOrGetter, onScopeDispose, ref, shallowRef, toValue, watch } from 'vue'
import { ApiError, api } from '../../api/client.ts'
import { useLiveConnection } from '../../api/live.ts'
import type { Preview, SourceKind } from '../../api/source-types.ts'

export interface PreviewWish {
  readonly kind: SourceKind
  /** Id of the saved source; its secrets count where none are typed. */
  readonly source: string | null
  readonly definition: unknown
  readonly secrets: unknown
}

/** A preview begins when typing has rested for so long. */
const restMs = 600
/** Where the channel is not to be had, the preview is asked for. */
const pollMs = 1000

/** What would be produced of what really comes in: made anew with every edit, ended when nobody looks. Null asks nothing. */
export function usePreview(wish: MaybeRefOrGetter<PreviewWish | null>) {
  const connection = useLiveConnection()
  const preview = shallowRef<Preview | null>(null)
  /** Why there is none: most often a definition that is not finished yet. */
  const refusal = ref('')
  const paused = ref(false)
  const asking = ref(false)
  let id: string | null = null
  let stopListening: (() => void) | null = null
  let resting: ReturnType<typeof setTimeout> | undefined
  let polling: ReturnType<typeof setInterval> | undefined
  let round = 0

  function end(): void {
    stopListening?.()
    stopListening = null
    clearInterval(polling)
    if (id !== null) void api.delete(`/source-previews/${encodeURIComponent(id)}`).catch(() => undefined)
    id = null
  }
  function show(answer: Preview): void {
    if (!paused.value) preview.value = answer
  }
  function follow(mine: string): void {
    let hears = false
    stopListening = connection.socket.subscribe(`preview:${mine}`, {
      snapshot(value) {
        hears = true
        show(value as Preview)
      },
      changes: (value) => show(value as Preview),
      error() {
        hears = false
      },
    })
    polling = setInterval(() => {
      if (hears || document.hidden) return
      void api
        .get<Preview>(`/source-previews/${encodeURIComponent(mine)}`, { verbatim: true })
        .then((answer) => id === mine && show(answer))
        .catch(() => undefined)
    }, pollMs)
  }
  async function ask(now: PreviewWish): Promise<void> {
    const mine = ++round
    asking.value = true
    try {
      const body = { ...now, ...(now.source === null ? { source: undefined } : {}) }
      const answer = await api.post<Preview>('/source-previews', body, { verbatim: true })
      if (mine !== round) {
        void api.delete(`/source-previews/${encodeURIComponent(answer.id)}`).catch(() => undefined)
        return
      }
      end()
      id = answer.id
      refusal.value = ''
      follow(answer.id)
    } catch (failure) {
      if (mine !== round) return
      end()
      preview.value = null
      const [first] = failure instanceof ApiError ? failure.errors : []
      refusal.value = first
        ? `${first.parameter.replace(/^definition\./, '')} ${first.reason}`
        : failure instanceof ApiError
          ? failure.detail || failure.message
          : String(failure)
    } finally {
      if (mine === round) asking.value = false
    }
  }

  watch(
    () => JSON.stringify(toValue(wish)),
    (text) => {
      clearTimeout(resting)
      const now = text === 'null' ? null : (JSON.parse(text) as PreviewWish)
      if (now === null) {
        round++
        end()
        preview.value = null
        refusal.value = ''
        return
      }
      resting = setTimeout(() => void ask(now), id === null ? 0 : restMs)
    },
    { immediate: true },
  )
  onScopeDispose(() => {
    clearTimeout(resting)
    round++
    end()
  })

  return {
    preview,
    refusal,
    asking,
    paused,
    toggle(): void {
      paused.value = !paused.value
    },
  }
}

export type LivePreview = ReturnType<typeof usePreview>
