import { type InjectionKey, inject, provide, type ShallowRef, shallowRef } from 'vue'

/** One moment under the pointer, shared by all charts of a page: ms, or null when no chart is pointed at. */
export interface Crosshair {
  readonly atMs: ShallowRef<number | null>
  /** A stretch that is being dragged out, in ms. */
  readonly span: ShallowRef<readonly [number, number] | null>
}

const key: InjectionKey<Crosshair> = Symbol('crosshair')

/** Makes the crosshair that all charts below this component share. */
export function provideCrosshair(): Crosshair {
  const crosshair = { atMs: shallowRef<number | null>(null), span: shallowRef<readonly [number, number] | null>(null) }
  provide(key, crosshair)
  return crosshair
}

/** The shared crosshair, or one of its own for a chart that stands alone. */
export function useCrosshair(): Crosshair {
  return inject(
    key,
    () => ({ atMs: shallowRef<number | null>(null), span: shallowRef<readonly [number, number] | null>(null) }),
    true,
  )
}
