import type { ComputedRef, Ref } from 'vue'
import { useTime } from '../state/time.ts'
import { type Axis, msOf, xOf } from './strip.ts'

type Part = 'start' | 'end' | 'frame'

/**
 * Dragging on the strip: the left grip resizes the range; the frame and the right grip move it, off *now* into the
 * past. A press beside the frame brings its end there.
 */
export function useStripDrag(area: Readonly<Ref<HTMLElement | null>>, axis: ComputedRef<Axis>) {
  const time = useTime()

  function partAt(target: EventTarget | null, x: number): Part | null {
    const grip = target instanceof HTMLElement ? target.dataset['grip'] : undefined
    if (grip === 'start' || grip === 'end') return grip
    return x >= xOf(axis.value, time.fromMs) && x <= xOf(axis.value, time.toMs) ? 'frame' : null
  }

  function start(event: PointerEvent): void {
    const element = area.value
    if (!element || event.button !== 0) return
    const left = element.getBoundingClientRect().left
    const x = event.clientX - left
    const part = partAt(event.target, x)
    // The axis stays as it was when the hand came down, so that the strip does not slide away under it.
    const held = axis.value
    const endAt = time.toMs
    const offset = part === null ? 0 : endAt - msOf(held, x)
    if (part === null) time.rewind(msOf(held, x))
    time.dragging = true
    element.setPointerCapture(event.pointerId)

    const move = (moved: PointerEvent) => {
      const ms = msOf(held, moved.clientX - left)
      if (part === 'start') time.setRange(endAt - ms)
      else time.rewind(ms + offset)
    }
    const finish = () => {
      time.dragging = false
      element.removeEventListener('pointermove', move)
      element.removeEventListener('pointerup', finish)
      element.removeEventListener('pointercancel', finish)
    }
    element.addEventListener('pointermove', move)
    element.addEventListener('pointerup', finish)
    element.addEventListener('pointercancel', finish)
  }

  return { start }
}
