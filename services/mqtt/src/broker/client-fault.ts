/** What a client did against the protocol: metric labels. */
export type ClientFault = 'protocol_violated' | 'topic_invalid' | 'reads_too_slowly'

const INNOCENT =
  /^(connection closed|keep alive timeout|connect did not arrive|not allowed to publish|the broker stops)/
const TOPIC = /topic|^[#+] is (not|only) allowed/

/**
 * Why the library ended a connection; null for what is no fault of the client, or was told already. It says so in words
 * alone. What the network does has a code.
 */
export function clientFaultOf(error: Error & { readonly code?: unknown }): ClientFault | null {
  if (error.code !== undefined || INNOCENT.test(error.message)) return null
  if (error.message === 'drain timeout') return 'reads_too_slowly'
  return TOPIC.test(error.message) ? 'topic_invalid' : 'protocol_violated'
}
