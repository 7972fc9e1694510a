import { computed, ref, shallowRef, watch } from 'vue'
import { ApiError, api, type FieldError } from '../../api/client.ts'
import type { Definitions, SourceDetail, SourceKind, SourceSecrets } from '../../api/source-types.ts'
import { sourceName } from './built-in.ts'
import { newDefinitions } from './defaults.ts'

/** What is edited: everything that is saved together. */
export interface Draft<K extends SourceKind = SourceKind> {
  name: string
  active: boolean
  definition: Definitions[K]
  /** Typed anew; a text sets a secret, null takes it away. */
  secrets: { [name in keyof SourceSecrets]?: string | null }
}

/** Paths within the definition, as the server names what it refuses. */
export function problemsOf(errors: readonly FieldError[]): Map<string, string> {
  return new Map(errors.map((one) => [one.parameter.replace(/^(body\.)?(definition\.)?/, ''), one.reason]))
}

const written = (draft: Draft): string => JSON.stringify(draft)
const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

/** A source as it is edited, and how it is saved. `saved` is null for one that does not exist yet. */
export function useDraft(kind: SourceKind, saved: () => SourceDetail | null) {
  const draft = ref<Draft>({ name: '', active: true, definition: newDefinitions[kind](), secrets: {} })
  const base = shallowRef(written(draft.value))
  const revision = shallowRef(0)
  const saving = shallowRef(false)
  const error = shallowRef<unknown>(null)

  const dirty = computed(() => written(draft.value) !== base.value)
  /** Somebody else saved it meanwhile. */
  const stale = computed(() => {
    const detail = saved()
    return detail !== null && dirty.value && detail.revision !== revision.value
  })

  function take(detail: SourceDetail): void {
    draft.value = {
      // What made itself keeps its own name, which tells keys apart.
      name: detail.kind === 'mqtt' ? sourceName(detail) : detail.name,
      active: detail.active,
      definition: copy(detail.definition) as unknown as Definitions[SourceKind],
      secrets: {},
    }
    base.value = written(draft.value)
    revision.value = detail.revision
    error.value = null
  }
  function discard(): void {
    const detail = saved()
    if (detail?.definition) take(detail)
    else {
      draft.value = JSON.parse(base.value) as Draft
      error.value = null
    }
  }
  // The server's news change what nobody edits; an edit is never lost to them.
  watch(
    saved,
    (detail) => {
      if (detail?.definition && detail.revision !== revision.value && !dirty.value) take(detail)
    },
    { immediate: true },
  )

  const problems = computed(() =>
    error.value instanceof ApiError ? problemsOf(error.value.errors) : new Map<string, string>(),
  )
  const failure = computed(() => (problems.value.size > 0 ? null : error.value))

  async function run<T>(work: () => Promise<T>): Promise<T | null> {
    if (saving.value) return null
    saving.value = true
    error.value = null
    try {
      return await work()
    } catch (problem) {
      error.value = problem
      return null
    } finally {
      saving.value = false
    }
  }

  return {
    draft,
    dirty,
    stale,
    saving,
    error,
    failure,
    problems,
    discard,
    take,
    /** Answers the source as it was saved; null when it was refused, and `problems` say why. */
    save: () =>
      run(async () => {
        const detail = saved()
        const { secrets, ...rest } = copy(draft.value)
        const body = { ...rest, ...(Object.keys(secrets).length > 0 ? { secrets } : {}) }
        const answer =
          detail === null
            ? await api.post<SourceDetail>('/sources', { kind, ...body }, { verbatim: true })
            : await api.put<SourceDetail>(
                `/sources/${encodeURIComponent(detail.source)}`,
                { ...body, revision: revision.value },
                { verbatim: true },
              )
        take(answer)
        return answer
      }),
    remove: () =>
      run(async () => {
        const detail = saved()
        if (detail) await api.delete(`/sources/${encodeURIComponent(detail.source)}`)
        return true
      }),
  }
}
