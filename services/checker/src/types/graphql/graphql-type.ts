import type { GraphqlConfig } from '@driftline/checks/types/api'
import type { Json } from '@driftline/platform/metadata/tables'
import {
  type CheckAnswer,
  type CheckContext,
  CheckFailure,
  type CheckTools,
  type CreateCheckType,
} from '../../check-type.ts'
import { createJsonPaths, type JsonPaths } from '../../facts/json-path.ts'
import { createJsonSchemas, type JsonSchemas } from '../../facts/json-schema.ts'
import { createTimeLimit } from '../../facts/time-limit.ts'
import { askHttp, bodyEvidence, bodyText, headerFact, httpResult, jsonOf, latencyFact } from '../http/ask-http.ts'

const FACT_MS_MAX = 200
const MESSAGE_LENGTH_MAX = 300

export const createGraphqlType: CreateCheckType<'graphql'> = (tools) => {
  const limit = createTimeLimit(FACT_MS_MAX)
  const facts = { paths: createJsonPaths({ limit }), schemas: createJsonSchemas({ limit }) }
  return { name: 'graphql', run: (config, context) => run(tools, facts, config, context) }
}

async function run(
  tools: CheckTools,
  facts: { readonly paths: JsonPaths; readonly schemas: JsonSchemas },
  config: GraphqlConfig,
  context: CheckContext,
): Promise<CheckAnswer> {
  const { query, variables, operationName } = config
  const { answer, faults } = await askHttp(tools, context, config, {
    method: 'POST',
    // GraphQL over HTTP, section 4: the first is the type of answers that say what they are by their status.
    headers: {
      accept: 'application/graphql-response+json, application/json;q=0.9',
      'content-type': 'application/json',
    },
    body: JSON.stringify({ query, variables, ...(operationName === undefined ? {} : { operationName }) }),
  })
  const found = [...faults]
  // An answer of 400 may still say what is wrong, in `errors`; any other body is not worth an error of its own.
  const json = readAnswer(() => jsonOf(answer), faults.length > 0)
  const errors = errorsOf(json)
  if (errors.length > 0) found.unshift({ of: 'errors', failure: errorsFailure(errors) })
  if (config.schema !== undefined && found.length === 0) {
    const mismatch = facts.schemas.check(config.schema, json)
    if (mismatch !== null) found.push({ of: 'schema', failure: mismatch })
  }
  const simple: Readonly<Record<string, () => Json | undefined>> = {
    status: () => answer.status,
    latency: () => latencyFact(answer),
    body: () => bodyText(answer),
  }
  return {
    fact(of, path) {
      if (of === 'header') return headerFact(answer, path)
      if (of === 'json') return path === undefined ? json : facts.paths.find(path, json)
      // Without a path, how many there are: 0 is what most assertions are about.
      if (of === 'errors') return path === undefined ? errors.length : facts.paths.find(path, errors)
      return simple[of]?.()
    },
    result: { ...httpResult(answer), errors: errors.length },
    faults: found,
    ...bodyEvidence(answer),
  }
}

function readAnswer(read: () => Json, hasFault: boolean): Json {
  try {
    return read()
  } catch (error) {
    if (hasFault && error instanceof CheckFailure) return null
    throw error
  }
}

function errorsOf(json: Json): readonly Json[] {
  if (json === null || typeof json !== 'object' || Array.isArray(json)) return []
  const { errors } = json as { readonly [name: string]: Json | undefined }
  return Array.isArray(errors) ? errors : []
}

function errorsFailure(errors: readonly Json[]): CheckFailure {
  const message = (errors[0] as { readonly message?: Json } | null)?.message
  const words = typeof message === 'string' ? `: ${message.slice(0, MESSAGE_LENGTH_MAX)}` : ''
  const many = errors.length === 1 ? 'an error' : `${errors.length} errors`
  return new CheckFailure('query_failed', `The answer has ${many}${words}`, {
    hint: 'Check the query against the schema of the service, and the rights of the credential',
  })
}
