import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { ProblemError } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'

/** The agent for other hosts: one file, the same for every platform. */
export function agentRoutes({ agentFile }: { readonly agentFile: string }): AnyRoute[] {
  return [
    route({
      method: 'get',
      path: '/api/v1/agent',
      summary: 'The agent, one file for Node.js on Linux, macOS or Windows',
      tag: 'Operations',
      status: 200,
      response: z.instanceof(Uint8Array).meta({ type: 'string', format: 'binary' }),
      contentType: 'text/javascript',
      refusals: [404],
      async handle() {
        const headers = { 'content-disposition': 'attachment; filename="driftline-agent.mjs"' }
        return { body: await readAgent(agentFile), headers }
      },
    }),
  ]
}

async function readAgent(file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readFile(file)
  } catch {
    throw new ProblemError(404, 'agent_not_built', 'This server has no agent to give away; `make build` makes it')
  }
}
