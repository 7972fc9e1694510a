import { computed, ref, watch } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { kindNames, type ProcessKind } from '../../process-id.ts'
import { type Filters, type Grouping, groupings, type Shown, type SortKey, sortKeys } from './rows.ts'

const statuses: readonly Shown[] = ['critical', 'warning', 'silent', 'learning', 'ok', 'ended']
const one = <T extends string>(known: readonly T[], value: unknown): T | null =>
  known.find((name) => name === value) ?? null

/** How the overview is filtered, sorted and grouped. It stands in the URL, so that the view can be sent. */
export function useView() {
  const route = useRoute()
  const router = useRouter()
  const text = (key: string) => (typeof route.query[key] === 'string' ? (route.query[key] as string) : '')

  const filters = computed<Filters>(() => ({
    q: text('q'),
    status: one(statuses, text('status')),
    kind: one(Object.keys(kindNames) as ProcessKind[], text('kind')),
    tag: text('tag') || null,
    category: text('category') || null,
  }))
  const grouping = computed<Grouping>(() => one(groupings, text('group')) ?? 'none')
  const sort = computed(() => {
    const stated = text('sort')
    const key = one<SortKey>(sortKeys, stated.replace(/^-/, '')) ?? 'drift'
    // Written as in the API: a minus turns the natural order round.
    return { key, descending: key === 'name' ? stated.startsWith('-') : !stated.startsWith('-') }
  })

  function put(changes: Record<string, string | null>): void {
    const query = { ...route.query }
    for (const [key, value] of Object.entries(changes)) {
      if (value) query[key] = value
      else delete query[key]
    }
    void router.replace({ query, hash: route.hash })
  }

  // Typing is shown at once and written to the URL a moment later.
  const typed = ref(filters.value.q)
  let pending: ReturnType<typeof setTimeout> | undefined
  watch(typed, (value) => {
    clearTimeout(pending)
    pending = setTimeout(() => put({ q: value.trim() }), 120)
  })
  watch(
    () => filters.value.q,
    (q) => {
      if (q !== typed.value.trim()) typed.value = q
    },
  )

  return {
    filters,
    grouping,
    sort,
    typed,
    statuses,
    /** On a wide screen: the list with its columns and filters, instead of the wall. */
    asList: computed(() => route.query['as'] === 'list'),
    toggleList: () => put({ as: route.query['as'] === 'list' ? null : 'list' }),
    isFiltered: computed(() => Object.values(filters.value).some(Boolean)),
    toggleStatus: (status: Shown) => put({ status: filters.value.status === status ? null : status }),
    setKind: (kind: ProcessKind | null) => put({ kind }),
    setTag: (tag: string | null) => put({ tag }),
    setCategory: (category: string | null) => put({ category }),
    setGrouping: (next: Grouping) => put({ group: next === 'none' ? null : next }),
    cycleGrouping: () => {
      const next = groupings[(groupings.indexOf(grouping.value) + 1) % groupings.length] ?? 'none'
      put({ group: next === 'none' ? null : next })
    },
    sortBy(key: SortKey): void {
      const turned = sort.value.key === key && (key === 'name' ? !sort.value.descending : sort.value.descending)
      put({ sort: turned ? `-${key}` : key === 'drift' ? null : key })
    },
    clear: () => put({ q: null, status: null, kind: null, tag: null, category: null }),
  }
}

export type View = ReturnType<typeof useView>
