import { computed, shallowRef } from 'vue'
import { useTime } from '../../state/time.ts'

/** Ranges picked out of charts; each can be undone. The range itself is the page's, in the URL. */
export function useZoom() {
  const time = useTime()
  const before = shallowRef<readonly { atMs: number | null; rangeMs: number }[]>([])
  const zoomed = computed(() => before.value.length > 0)

  return {
    zoomed,
    zoom(from: number, to: number): void {
      before.value = [...before.value, { atMs: time.atMs, rangeMs: time.rangeMs }]
      time.setRange(to - from)
      time.rewind(to)
    },
    unzoom(): void {
      const last = before.value.at(-1)
      if (!last) return
      before.value = before.value.slice(0, -1)
      time.setRange(last.rangeMs)
      if (last.atMs === null) time.goLive()
      else time.rewind(last.atMs)
    },
  }
}
