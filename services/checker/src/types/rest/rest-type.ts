import type { RestConfig } from '@driftline/checks/types/api'
import type { Json } from '@driftline/platform/metadata/tables'
import type { CheckAnswer, CheckContext, CheckTools, CreateCheckType } from '../../check-type.ts'
import { createJsonPaths } from '../../facts/json-path.ts'
import { createJsonSchemas } from '../../facts/json-schema.ts'
import { createTimeLimit } from '../../facts/time-limit.ts'
import {
  type Asking,
  askHttp,
  bodyEvidence,
  bodyText,
  headerFact,
  httpResult,
  jsonOf,
  latencyFact,
} from '../http/ask-http.ts'

/** Milliseconds that a path or a schema may take on one answer. */
const FACT_MS_MAX = 200

export const createRestType: CreateCheckType<'rest'> = (tools) => {
  const limit = createTimeLimit(FACT_MS_MAX)
  const facts = { paths: createJsonPaths({ limit }), schemas: createJsonSchemas({ limit }) }
  return { name: 'rest', run: (config, context) => run(tools, facts, config, context) }
}

type Facts = { paths: ReturnType<typeof createJsonPaths>; schemas: ReturnType<typeof createJsonSchemas> }

async function run(tools: CheckTools, facts: Facts, config: RestConfig, context: CheckContext): Promise<CheckAnswer> {
  const { answer, faults } = await askHttp(tools, context, config, askingOf(config))
  let parsed: { readonly json: Json } | undefined
  const json = (): Json => {
    parsed ??= { json: jsonOf(answer) }
    return parsed.json
  }
  // A status of 500 explains itself; its body seldom follows the schema too.
  const mismatch = config.schema === undefined || faults.length > 0 ? null : facts.schemas.check(config.schema, json())
  const simple: Readonly<Record<string, () => Json>> = {
    status: () => answer.status,
    latency: () => latencyFact(answer),
    body: () => bodyText(answer),
    url: () => answer.url,
  }
  return {
    fact(of, path) {
      if (of === 'header') return headerFact(answer, path)
      if (of === 'json') return path === undefined ? json() : facts.paths.find(path, json())
      return simple[of]?.()
    },
    result: httpResult(answer),
    faults: mismatch === null ? faults : [...faults, { of: 'schema', failure: mismatch }],
    ...bodyEvidence(answer),
  }
}

function askingOf({ method, query, json, body, form }: RestConfig): Asking {
  const accept = { accept: 'application/json, */*;q=0.8' }
  const asking = { method, query, headers: accept }
  if (json !== undefined) {
    return { ...asking, headers: { ...accept, 'content-type': 'application/json' }, body: JSON.stringify(json) }
  }
  if (form !== undefined) {
    const headers = { ...accept, 'content-type': 'application/x-www-form-urlencoded' }
    return { ...asking, headers, body: new URLSearchParams(form).toString() }
  }
  return body === undefined ? asking : { ...asking, body }
}
