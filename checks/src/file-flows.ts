import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { readSettings, type SettingsSource, setting } from '@driftline/platform/settings'
import { z } from 'zod'
import { type FlowDefinition, flowId } from './flow-definition.ts'
import { insertFlow, isSame, newFlowRow, removeFlow, replaceFlow } from './flow-store.ts'
import { readFlowsYaml } from './flow-yaml.ts'
import { readFlow } from './read-flow.ts'

/** The tenant whose flows the configuration of an installation defines. */
const TENANT = 'default'
const FILES_MAX = 1000
const FILE_BYTES_MAX = 1024 * 1024

export const fileFlowSettings = {
  flows: setting(
    'flows',
    z.array(z.record(z.string(), z.unknown())).max(1000),
    [],
    'Flows besides what people define in the product, as the API takes them; shown there, but changed here only',
  ),
  flowFiles: setting(
    'flow_files',
    z.array(z.string().min(1)).max(100),
    [],
    'YAML files with flows, such as flows/*.yaml; * in the last part of a path alone',
  ),
}

/** Every flow of the settings and of the files they name. Errors: `config_invalid`, with all problems and where. */
export function readFileFlows(source: SettingsSource): readonly FlowDefinition[] {
  const { flows, flowFiles } = readSettings(source, fileFlowSettings)
  const problems: string[] = []
  const found: FlowDefinition[] = []
  flows.forEach((flow, index) => {
    const read = readFlow(flow)
    if (read.ok) found.push(read.definition)
    else problems.push(...read.problems.map(({ path, message }) => `flows.${index}.${path}: ${message}`))
  })
  const base = source.file === null ? '.' : dirname(source.file)
  for (const file of flowFiles.flatMap((pattern) => filesOf(resolve(base, pattern), problems))) {
    const read = readFlowsYaml(textOf(file, problems))
    if (read.ok) found.push(...read.definitions)
    else
      problems.push(
        ...read.problems.map(
          ({ path, message, line }) => `${file}${line === undefined ? '' : `:${line}`} ${path}: ${message}`,
        ),
      )
  }
  const ids = found.map(({ name }) => flowId(name))
  ids.forEach((id, index) => {
    if (ids.indexOf(id) !== index) problems.push(`flows: two are called ${found[index]!.name}`)
  })
  if (problems.length > 0) throw new AppError('config_invalid', problems.join('\n'))
  return found
}

function filesOf(pattern: string, problems: string[]): string[] {
  if (!basename(pattern).includes('*')) return [pattern]
  const parts = basename(pattern).split('*')
  const matches = (name: string): boolean =>
    name.startsWith(parts[0]!) && name.endsWith(parts.at(-1)!) && parts.every((part) => name.includes(part))
  try {
    const names = readdirSync(dirname(pattern)).filter(matches).sort().slice(0, FILES_MAX)
    return names.map((name) => join(dirname(pattern), name))
  } catch (error) {
    problems.push(`flow_files: ${pattern} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
    return []
  }
}

function textOf(file: string, problems: string[]): string {
  try {
    if (statSync(file).size <= FILE_BYTES_MAX) return readFileSync(file, 'utf8')
    problems.push(`flow_files: ${file} is larger than ${FILE_BYTES_MAX} bytes`)
  } catch (error) {
    problems.push(`flow_files: ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  return 'flows: []'
}

type Deps = { readonly metadata: Metadata; readonly clock: Clock; readonly logger: Logger }

/**
 * Brings the stored flows in line with the files when it starts: adds, changes, and removes what they named once and
 * no longer do. One whose name somebody gave away in the product is left out, and the log says so.
 */
export function createFileFlows(config: { readonly flows: readonly FlowDefinition[] }, deps: Deps): Component {
  const { metadata, logger } = deps
  return {
    name: 'file-flows',
    async start() {
      const rows = await metadata.db.selectFrom('flows').selectAll().where('tenant', '=', TENANT).execute()
      const wanted = new Set(config.flows.map(({ name }) => flowId(name)))
      for (const row of rows) {
        if (row.managed_by === 'file' && !wanted.has(row.id)) await removeFlow(deps, row, 'system')
      }
      for (const flow of config.flows) {
        try {
          await keep(deps, flow)
        } catch (error) {
          if (!(error instanceof AppError && error.code === 'metadata_conflict')) throw error
          logger.error({ component: 'file-flows', flow: flow.name }, 'left out: the product has a flow of this name')
        }
      }
    },
    stop: async () => {},
  }
}

/** Several instances with the same files come to the same. Errors: `metadata_conflict` for an id that is taken. */
async function keep({ metadata, clock }: Deps, definition: FlowDefinition): Promise<void> {
  const fresh = newFlowRow(clock, definition, {
    tenant: TENANT,
    id: flowId(definition.name),
    managedBy: 'file',
    by: 'system',
  })
  await metadata.transaction(async (transaction) => {
    const stored = await transaction
      .selectFrom('flows')
      .selectAll()
      .where('tenant', '=', TENANT)
      .where('id', '=', fresh.id)
      .executeTakeFirst()
    if (stored === undefined) return insertFlow(transaction, clock, fresh)
    if (stored.managed_by !== 'file') throw new AppError('metadata_conflict', `The id ${fresh.id} is taken`)
    if (isSame(stored.value, definition)) return
    const updated_at = new Date(Math.max(clock.nowMs(), stored.updated_at.getTime() + 1))
    const next = { ...fresh, created_at: stored.created_at, version: stored.version + 1, updated_at }
    await replaceFlow(transaction, clock, stored, next)
  })
}
