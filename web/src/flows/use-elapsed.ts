import { type MaybeRefOrGetter, onScopeDispose, ref, toValue, watch } from 'vue'

const everyMs = 100

/** A clock that ticks ten times a second while `on`, and stands still otherwise: for times that are counted live. */
export function useTicking(on: MaybeRefOrGetter<boolean>, nowMs: () => number) {
  const now = ref(nowMs())
  let timer: ReturnType<typeof setInterval> | undefined
  watch(
    () => toValue(on),
    (running) => {
      clearInterval(timer)
      now.value = nowMs()
      if (running) {
        timer = setInterval(() => {
          now.value = nowMs()
        }, everyMs)
      }
    },
    { immediate: true },
  )
  onScopeDispose(() => clearInterval(timer))
  return now
}
