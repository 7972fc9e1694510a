import { computed, ref, shallowRef } from 'vue'
import { ApiError, api } from '../api/client.ts'
import type { Flow, FlowDefinition, FlowProblem } from '../api/flow-types.ts'
import { definitionOf, newDefinition } from './draft.ts'
import { useValidation } from './use-validation.ts'

export type EditorView = 'form' | 'yaml' | 'versions'

/** A flow as it is edited, as a form or as YAML: both are the same definition, read anew by the server as it is typed. */
export function useFlowDraft() {
  const draft = ref<FlowDefinition>(newDefinition())
  const yaml = ref('')
  const view = ref<EditorView>('form')
  const base = shallowRef(JSON.stringify(draft.value))
  /** What the YAML was when it was opened: typing in it is a change, too. */
  const yamlBase = shallowRef('')
  const version = shallowRef<number | null>(null)
  const saving = ref(false)
  const error = shallowRef<unknown>(null)
  const refused = shallowRef<readonly FlowProblem[]>([])

  const validation = useValidation(() => (view.value === 'yaml' ? { yaml: yaml.value } : { definition: draft.value }))
  const problems = computed(() =>
    refused.value.length > 0 ? refused.value : (validation.answer.value?.problems ?? []),
  )
  const dirty = computed(
    () => JSON.stringify(draft.value) !== base.value || (view.value === 'yaml' && yaml.value !== yamlBase.value),
  )

  function take(flow: Flow): void {
    draft.value = definitionOf(flow)
    base.value = JSON.stringify(draft.value)
    version.value = flow.version
    yaml.value = ''
    yamlBase.value = ''
    error.value = null
    refused.value = []
    if (view.value === 'yaml') void openYaml()
  }

  async function openYaml(): Promise<void> {
    view.value = 'form'
    const read = (await validation.now()) ?? validation.answer.value
    // What is not right yet has no YAML of the server's hand; JSON is YAML as well.
    yaml.value = read?.yaml ?? `${JSON.stringify(draft.value, null, 2)}\n`
    yamlBase.value = yaml.value
    view.value = 'yaml'
  }

  /** What the YAML says as the form; false where it cannot be read as a flow yet. */
  async function readYaml(): Promise<boolean> {
    if (yaml.value === yamlBase.value) return true
    const read = (await validation.now()) ?? validation.answer.value
    if (!read?.definition) return false
    draft.value = definitionOf(read.definition)
    return true
  }

  async function open(next: EditorView): Promise<boolean> {
    if (next === view.value) return true
    refused.value = []
    if (view.value === 'yaml' && !(await readYaml())) return false
    if (next === 'yaml') await openYaml()
    else view.value = next
    return true
  }

  function refuse(failure: unknown): void {
    const errors = failure instanceof ApiError ? failure.errors : []
    refused.value = errors.map((one) => ({
      path: one.parameter.replace(/^(body\.)?(definition\.)?/, ''),
      message: one.reason,
    }))
    error.value = refused.value.length > 0 ? null : failure
  }

  /** Saves; answers the id, or null where it was refused and `problems` or `error` say why. */
  async function save(id: string | null): Promise<string | null> {
    if (saving.value) return null
    saving.value = true
    error.value = null
    refused.value = []
    try {
      if (view.value === 'yaml' && !(await readYaml())) return null
      const body = JSON.parse(JSON.stringify(draft.value)) as FlowDefinition
      if (id === null) {
        const made = await api.post<{ id: string }>('/flows', body)
        base.value = JSON.stringify(draft.value)
        yamlBase.value = yaml.value
        return made.id
      }
      const flow = await api.put<Flow>(
        `/flows/${encodeURIComponent(id)}`,
        { ...body, ...(version.value === null ? {} : { version: version.value }) },
        { verbatim: true },
      )
      base.value = JSON.stringify(draft.value)
      yamlBase.value = yaml.value
      version.value = flow.version ?? version.value
      return id
    } catch (failure) {
      refuse(failure)
      return null
    } finally {
      saving.value = false
    }
  }

  return { draft, yaml, view, version, dirty, problems, validation, saving, error, take, open, save }
}
