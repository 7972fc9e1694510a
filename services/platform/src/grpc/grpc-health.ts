import { create } from '@bufbuild/protobuf'
import type { HealthCheckResponse } from '@driftline/proto'
import {
  Health,
  type HealthCheckRequest,
  HealthCheckResponse_ServingStatus,
  HealthCheckResponseSchema,
} from '@driftline/proto'
import {
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { grpcStatus } from './grpc-errors.ts'
import type { GrpcServiceBinding } from './grpc-server.ts'
import { grpcService } from './grpc-service.ts'

const WATCHERS_MAX = 1000

/** `grpc.health.v1.Health` over a set of services that each serve or do not. */
export interface GrpcHealth extends GrpcServiceBinding {
  /** Sets one service, or with the name empty the server as a whole, and tells who watches it. */
  set(service: string, serving: boolean): void
  /** Ends every watch, so that a server that stops need not wait for who watches it. */
  endWatches(): void
}

const answer = (value: HealthCheckResponse_ServingStatus): HealthCheckResponse =>
  create(HealthCheckResponseSchema, { status: value })

/** Knows the server as a whole and `services`; none serves until `set` says so. */
export function createGrpcHealth(services: readonly string[]): GrpcHealth {
  const { NOT_SERVING, SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus
  const state = new Map(['', ...services].map((name) => [name, NOT_SERVING]))
  const watchers = new Map<ServerWritableStream<HealthCheckRequest, HealthCheckResponse>, string>()

  const implementation: UntypedServiceImplementation = {
    check(call: ServerUnaryCall<HealthCheckRequest, HealthCheckResponse>, reply: sendUnaryData<HealthCheckResponse>) {
      const known = state.get(call.request.service)
      if (known === undefined) reply(grpcStatus(status.NOT_FOUND, 'no such service'))
      else reply(null, answer(known))
    },
    watch(call: ServerWritableStream<HealthCheckRequest, HealthCheckResponse>) {
      // Anyone may watch without a key, so the number of watchers is bounded; more are refused.
      if (watchers.size >= WATCHERS_MAX) {
        call.emit('error', grpcStatus(status.RESOURCE_EXHAUSTED, 'too many watchers'))
        return
      }
      const { service } = call.request
      watchers.set(call, service)
      call.on('close', () => watchers.delete(call))
      call.on('cancelled', () => {
        watchers.delete(call)
        call.end()
      })
      call.write(answer(state.get(service) ?? SERVICE_UNKNOWN))
    },
  }

  return {
    definition: grpcService(Health),
    implementation,
    set(service, serving) {
      const value = serving ? SERVING : NOT_SERVING
      if (state.get(service) === value) return
      state.set(service, value)
      for (const [call, watched] of watchers) if (watched === service) call.write(answer(value))
    },
    endWatches() {
      for (const call of watchers.keys()) call.end()
      watchers.clear()
    },
  }
}
