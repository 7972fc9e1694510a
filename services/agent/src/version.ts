/** Told to the server in the hello and in key frames. */
export const AGENT_VERSION = '0.1.0'
