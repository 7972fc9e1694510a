import { deadLetter, emit, type Verdict } from '@driftline/platform/verdict'
import type { AgentHello } from '@driftline/proto'
import type { Reason } from './reasons.ts'

const HOST = /^[\p{L}\p{N}_][\p{L}\p{N}._-]*$/u
const SOURCE = /^[A-Za-z0-9._:@-]{1,128}$/
const VERSION = /^[\x20-\x7e]{0,64}$/
const HOST_BYTES_MAX = 253

const refuse = (reason: Reason, detail: string): Verdict<never> => deadLetter(reason, detail)

/** Who the peer says it is. */
export function validateHello(hello: AgentHello): Verdict<AgentHello> {
  if (!HOST.test(hello.host) || Buffer.byteLength(hello.host) > HOST_BYTES_MAX) {
    return refuse('host_invalid', 'a host has 1 to 253 bytes of letters, digits, dots, hyphens and underscores')
  }
  if (!SOURCE.test(hello.source)) {
    return refuse('source_invalid', 'a source has 1 to 128 characters of A-Z, a-z, 0-9, and . _ : @ -')
  }
  if (!VERSION.test(hello.agentVersion)) {
    return refuse('agent_version_invalid', 'an agent version has at most 64 printable ASCII characters')
  }
  return emit(hello)
}
