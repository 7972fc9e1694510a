import { type DescEnum, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf'

/**
 * Writes a message, and what it is made of, as the text of a .proto file: ClickHouse reads bodies by such a text, and
 * the generated code knows the message but not its file. Fields only, which is all that a reader needs.
 */
export function protoText(message: DescMessage): string {
  const definitions = new Map<string, string>()
  define(message, definitions)
  return ['syntax = "proto3";', ...definitions.values()].join('\n')
}

function define(type: DescMessage | DescEnum, definitions: Map<string, string>): void {
  if (definitions.has(type.name)) return
  definitions.set(type.name, '')
  const lines =
    type.kind === 'enum'
      ? type.values.map((value) => `  ${value.name} = ${value.number};`)
      : type.fields.map((field) => fieldLine(field, definitions))
  definitions.set(type.name, [`${type.kind} ${type.name} {`, ...lines, '}'].join('\n'))
}

function fieldLine(field: DescField, definitions: Map<string, string>): string {
  if (field.fieldKind === 'map') throw new Error(`${field.name}: ClickHouse tables have no maps`)
  const reference = field.message ?? field.enum
  if (reference !== undefined) define(reference, definitions)
  const type = reference === undefined ? ScalarType[field.scalar as ScalarType].toLowerCase() : reference.name
  return `  ${field.fieldKind === 'list' ? 'repeated ' : ''}${type} ${field.name} = ${field.number};`
}
