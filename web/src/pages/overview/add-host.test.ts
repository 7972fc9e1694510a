import { describe, expect, it } from 'vitest'
import { commandsFor, placesOf } from './add-host.ts'

const page = { origin: 'http://watch.example:8080', hostname: 'watch.example' }
const agents = { address: null, port: 8090, tls: false, loopbackOnly: false }

describe('where an agent connects', () => {
  it.each([
    ['the port beside this page', agents, 'http://watch.example:8090'],
    ['the same, encrypted', { ...agents, tls: true }, 'https://watch.example:8090'],
    ['what was set', { ...agents, address: 'https://intake.example:443/' }, 'https://intake.example:443'],
    ['nowhere known', { address: null, port: null, tls: null, loopbackOnly: null }, null],
    ['nowhere known yet', null, null],
  ])('is %s', (_, told, server) => {
    expect(placesOf(page, told)).toEqual({ origin: page.origin, server })
  })
})

it('fetches the agent with the key and runs it with the same', () => {
  expect(commandsFor('sh', placesOf(page, agents), 'dlk_x')).toBe(
    `curl -fsS -H 'Authorization: Bearer dlk_x' -o driftline-agent.mjs http://watch.example:8080/api/v1/agent &&
DRIFTLINE_AGENT_SERVER=http://watch.example:8090 DRIFTLINE_AGENT_API_KEY=dlk_x node driftline-agent.mjs`,
  )
  const windows = commandsFor('powershell', placesOf(page, null), 'dlk_x')
  expect(windows).toContain("-Headers @{ Authorization = 'Bearer dlk_x' }")
  expect(windows).toContain("'http://ADDRESS:8090'")
})
