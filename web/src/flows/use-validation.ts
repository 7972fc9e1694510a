import { onScopeDispose, ref, shallowRef, watch } from 'vue'
import { ApiError, api } from '../api/client.ts'
import type { FlowValidation } from '../api/flow-types.ts'

const restMs = 300

/** Reads a definition or its YAML as it is typed: asked when typing rests, and only the last answer counts. */
export function useValidation(input: () => { readonly definition: unknown } | { readonly yaml: string } | null) {
  const answer = shallowRef<FlowValidation | null>(null)
  /** Whether `answer` is of what stands there now. */
  const isCurrent = ref(false)
  const error = shallowRef<unknown>(null)
  let resting: ReturnType<typeof setTimeout> | undefined
  let round = 0

  async function ask(text: string): Promise<FlowValidation | null> {
    const mine = ++round
    try {
      const read = await api.post<FlowValidation>('/flows/validate', JSON.parse(text), { verbatim: true })
      if (mine !== round) return null
      answer.value = read
      isCurrent.value = true
      error.value = null
      return read
    } catch (failure) {
      if (mine !== round) return null
      // A document that cannot be read at all is refused as a whole.
      if (failure instanceof ApiError && failure.errors.length > 0) {
        const problems = failure.errors.map((one) => ({
          path: one.parameter.replace(/^(body\.)?(definition\.)?/, ''),
          message: one.reason,
        }))
        answer.value = { ok: false, problems, definition: null, yaml: null }
        isCurrent.value = true
        error.value = null
      } else error.value = failure
      return null
    }
  }
  const written = (): string => JSON.stringify(input())

  watch(
    written,
    (text) => {
      clearTimeout(resting)
      isCurrent.value = false
      round++
      if (text !== 'null') resting = setTimeout(() => void ask(text), restMs)
    },
    { immediate: true },
  )
  onScopeDispose(() => {
    clearTimeout(resting)
    round++
  })

  return {
    answer,
    isCurrent,
    error,
    /** Asks at once; null when something newer was asked meanwhile, or nothing answered. */
    now(): Promise<FlowValidation | null> {
      clearTimeout(resting)
      return ask(written())
    },
  }
}
