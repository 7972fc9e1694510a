/** Places for those who have not said who they are. */
export interface Strangers {
  /** Takes a place; the answer gives it back, once, however often it is called. Null where none is left. */
  enter(address: string): (() => void) | null
}

export function createStrangers(max: { readonly perAddress: number; readonly total: number }): Strangers {
  const byAddress = new Map<string, number>()
  let total = 0
  return {
    enter(address) {
      const here = byAddress.get(address) ?? 0
      if (total >= max.total || here >= max.perAddress) return null
      total++
      byAddress.set(address, here + 1)
      let inside = true
      return () => {
        if (!inside) return
        inside = false
        total--
        const left = (byAddress.get(address) ?? 1) - 1
        if (left > 0) byAddress.set(address, left)
        else byAddress.delete(address)
      }
    },
  }
}
