import {
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type Message,
  toBinary,
} from '@bufbuild/protobuf'
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js'

/**
 * A method whose requests reach its handler as the bytes that came, for handlers that answer malformed input
 * themselves: otherwise grpc-js ends the call with INTERNAL.
 */
export interface ServiceOptions {
  readonly rawRequests?: readonly string[]
}

/** What grpc-js needs to serve, or to call, a service that protobuf-es has described. Handlers have camelCase names. */
export function grpcService(service: DescService, options: ServiceOptions = {}): ServiceDefinition {
  const definition: Record<string, MethodDefinition<unknown, unknown>> = {}
  for (const method of service.methods) {
    definition[method.localName] = methodDefinition(
      service,
      method,
      options.rawRequests?.includes(method.name) ?? false,
    )
  }
  return definition
}

function methodDefinition(service: DescService, method: DescMethod, raw: boolean): MethodDefinition<unknown, unknown> {
  return {
    path: `/${service.typeName}/${method.name}`,
    originalName: method.localName,
    requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
    responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
    requestSerialize: encoder(method.input),
    requestDeserialize: raw ? (bytes) => bytes : decoder(method.input),
    responseSerialize: encoder(method.output),
    responseDeserialize: decoder(method.output),
  }
}

// A buffer that shares the memory of the encoded message: grpc-js asks for a Buffer, protobuf-es gives a Uint8Array.
function encoder(schema: DescMessage): (message: unknown) => Buffer {
  return (message) => {
    const bytes = toBinary(schema, message as Message)
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
}

function decoder(schema: DescMessage): (bytes: Buffer) => Message {
  return (bytes) => fromBinary(schema, bytes, { readUnknownFields: false })
}
