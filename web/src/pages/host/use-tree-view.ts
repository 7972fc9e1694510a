import { computed, onScopeDispose, ref, type ShallowRef, shallowRef, watch } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { type GroupSum, sumGroups } from '../../tree/groups.ts'
import type { ProcessTable } from '../../tree/process-table.ts'
import { buildRows, isExpanded, type RowList, type TreeMode, type TreeRow } from '../../tree/rows.ts'
import { firstDirection, type Sort, type SortKey, sortKeys } from '../../tree/sorting.ts'

/** Live values move every second; the order of rows only this often. */
const orderMs = 5000
/** A pointer that has rested this long no longer holds the order. */
const pointerRestMs = 10_000

const modes: readonly TreeMode[] = ['tree', 'flat', 'service']
const defaults: Record<TreeMode, Sort> = {
  tree: { key: 'pid', descending: false },
  flat: { key: 'cpu', descending: true },
  service: { key: 'cpu', descending: true },
}

function parseSort(text: unknown): Sort | null {
  if (typeof text !== 'string') return null
  const key = sortKeys.find((one) => one === text.replace(/^-/, ''))
  return key ? { key, descending: text.startsWith('-') } : null
}

/**
 * How the table is looked at: tree, flat or by service, sorted, searched, folded. All of it but the folding
 * stands in the URL. Rows are made again when the shape changes; on a live second only values move.
 */
export function useTreeView(table: ProcessTable, frame: ShallowRef<number>, rankOf: (group: string) => number) {
  const route = useRoute()
  const router = useRouter()
  const text = (name: string) => (typeof route.query[name] === 'string' ? (route.query[name] as string) : '')

  const mode = computed<TreeMode>(() => modes.find((one) => one === text('view')) ?? 'tree')
  const sort = computed<Sort>(() => parseSort(route.query['sort']) ?? defaults[mode.value])
  const foldKernelThreads = computed(() => text('kernel') !== 'open')
  const query = ref(text('q'))
  const toggled = new Map<string, boolean>()
  const groups = new Map<string, GroupSum>()
  const list = shallowRef<RowList>(build())
  let structure = table.structureVersion()
  /** Rows came or went, and the pointer holds the order as it was. */
  const held = shallowRef(false)
  let orderedMs = 0
  let pointerMs = 0

  function setQuery(changes: Record<string, string | null>): void {
    const next = { ...route.query }
    for (const [name, value] of Object.entries(changes)) {
      if (value) next[name] = value
      else delete next[name]
    }
    void router.replace({ query: next, hash: route.hash })
  }

  function build(keepOrder?: ReadonlyMap<string, number>): RowList {
    for (const node of table.nodes()) node.drift = node.group ? rankOf(node.group) : 0
    return buildRows(
      table.nodes(),
      {
        mode: mode.value,
        sort: sort.value,
        query: query.value,
        foldKernelThreads: foldKernelThreads.value,
        toggled,
        ...(keepOrder ? { keepOrder } : {}),
      },
      groups,
    )
  }

  /** Sorts anew; unless a person asked for it, what has ended is let go as well. */
  function order(force: boolean): void {
    if (!force) table.sweep()
    orderedMs = Date.now()
    structure = table.structureVersion()
    list.value = build()
  }

  function reshape(): void {
    structure = table.structureVersion()
    list.value = build(list.value.order)
  }

  watch(frame, () => {
    const first = list.value.total === 0
    const underPointer = !first && Date.now() - pointerMs < pointerRestMs
    held.value = underPointer && structure !== table.structureVersion()
    if (underPointer) sumGroups(table.nodes(), groups)
    else if (first || Date.now() - orderedMs >= orderMs) order(first)
    else if (structure !== table.structureVersion()) reshape()
    else if (mode.value === 'service') sumGroups(table.nodes(), groups)
  })
  watch([mode, sort, foldKernelThreads], () => order(true))
  watch(query, (value) => {
    order(true)
    clearTimeout(writing)
    writing = setTimeout(() => setQuery({ q: value.trim() || null }), 400)
  })
  watch(
    () => text('q'),
    (value) => {
      if (value !== query.value.trim()) query.value = value
    },
  )
  let writing: ReturnType<typeof setTimeout> | undefined
  onScopeDispose(() => clearTimeout(writing))

  function setExpanded(row: TreeRow, expand: boolean): void {
    toggled.set(row.key, expand)
    reshape()
  }

  return {
    list,
    held,
    mode,
    sort,
    query,
    foldKernelThreads,
    setMode: (next: TreeMode) => setQuery({ view: next === 'tree' ? null : next, sort: null }),
    /** Sorts by a column, or turns its direction; `afresh` never turns. */
    sortBy(key: SortKey, afresh = false): void {
      const same = !afresh && sort.value.key === key
      const descending = same ? !sort.value.descending : firstDirection(key)
      setQuery({ sort: `${descending ? '-' : ''}${key}` })
    },
    setFold(fold: boolean): void {
      for (const node of table.nodes()) if (node.kernelThread) toggled.delete(node.key)
      setQuery({ kernel: fold ? null : 'open' })
    },
    setExpanded,
    /** Unfolds or folds a row and its siblings. */
    setSiblings(row: TreeRow, expand: boolean): void {
      const rows = list.value.rows
      const at = rows.indexOf(row)
      const isSibling = (other: TreeRow) => other.depth === row.depth && other.expandable
      const stretch = (from: number, by: number) => {
        for (let i = from; i >= 0 && i < rows.length && rows[i]!.depth >= row.depth; i += by) {
          if (isSibling(rows[i]!)) toggled.set(rows[i]!.key, expand)
        }
      }
      stretch(at, 1)
      stretch(at - 1, -1)
      reshape()
    },
    /** Unfolds whatever hides the instance, so that it has a row. */
    reveal(key: string): void {
      const node = table.byKey(key)
      if (!node) return
      const { hierarchy } = list.value
      for (let at = hierarchy.parentOf(node); at; at = hierarchy.parentOf(at)) {
        if (!isExpanded(at, { toggled, foldKernelThreads: foldKernelThreads.value })) toggled.set(at.key, true)
      }
      reshape()
    },
    pointerMoved(): void {
      pointerMs = Date.now()
    },
    pointerLeft(): void {
      pointerMs = 0
    },
  }
}

export type TreeView = ReturnType<typeof useTreeView>
