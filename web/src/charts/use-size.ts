import { onScopeDispose, type ShallowRef, shallowRef, watch } from 'vue'

export interface Size {
  readonly width: number
  readonly height: number
  /** Pixels of one design pixel: 1 at 16 px text, more on the wall. */
  readonly unit: number
}

/** The size of an element in CSS pixels, kept up to date. Zero until it is on the page. */
export function useSize(element: Readonly<ShallowRef<HTMLElement | null>>): ShallowRef<Size> {
  const size = shallowRef<Size>({ width: 0, height: 0, unit: 1 })
  const observer = new ResizeObserver((entries) => {
    const box = entries.at(-1)?.contentRect
    if (!box) return
    const unit = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16
    size.value = { width: Math.round(box.width), height: Math.round(box.height), unit }
  })
  watch(element, (now, before) => {
    if (before) observer.unobserve(before)
    if (now) observer.observe(now)
  })
  onScopeDispose(() => observer.disconnect())
  return size
}
