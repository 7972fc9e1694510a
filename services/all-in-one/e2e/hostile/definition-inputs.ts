import type { Door, HostileInput, Trial } from './trial.ts'

/** Requests that the API answered with a status, by the pattern of the route. */
const answered = (route: string, status: string): HostileInput['counts'] => [
  'driftline_http_request_duration_seconds_count',
  { route, status },
]
const refusedAtSave = answered('/api/v1/sources', '400')

/** Tries to save a source; answers the status, and the fields that are wrong. */
async function save(trial: Trial, kind: string, definition: unknown, token?: string): Promise<string> {
  const wish = { kind, name: trial.name, definition }
  const { status, body } = await trial.world.api('POST', '/api/v1/sources', wish, token)
  const fields = ((body.errors ?? []) as { parameter: string }[]).map(({ parameter }) => parameter)
  return [status, ...new Set(fields)].join(' ')
}

const push = (more: object) => ({ door: 'records', key: 'key_x', ...more })
const file = (more: object) => ({ paths: ['/var/log/x.log'], ...more })
const rule = (expression: string) => push({ rules: [{ name: 'r', expression }] })

const refused = (what: string, answers: string, kind: string, definition: unknown): HostileInput => ({
  what,
  send: (trial) => save(trial, kind, definition),
  answers,
  counts: refusedAtSave,
})

export const definitionDoor: Door = {
  name: 'definitions of sources',
  lettersOf: ({ name }) => ({ q: name }),
  inputs: [
    refused('a rule that does not parse', '400 definition.rules.0.expression', 'push', rule('amount >> 1,00,000')),
    refused('a rule of brackets without an end', '400 definition.rules.0.expression', 'push', rule('('.repeat(900))),
    refused(
      'a pattern that would keep another engine busy for ever, with a count that is too large',
      '400 definition.reading.pattern',
      'file',
      file({ reading: { format: 'pattern', pattern: '(?P<a>(x{1,500}){1,500})' } }),
    ),
    refused(
      'a pattern with a look-behind, and one that is cut off',
      '400 definition.reading.pattern definition.multiline.start',
      'file',
      file({ reading: { format: 'pattern', pattern: '(?<=a)(?P<b>' }, multiline: { start: '([' } }),
    ),
    refused(
      'filters with senseless values',
      '400 definition.filter.noiseBand.absolute definition.filter.keepEverySeconds definition.filter.samplingRate',
      'push',
      push({ filter: { noiseBand: { absolute: -1 }, keepEverySeconds: -5, samplingRate: 7 } }),
    ),
    refused('a broker that is no address, with a password in it', '400 definition.broker.url', 'mqtt', {
      broker: { url: 'mqtt://me:secret@host' },
    }),
    refused('a port that there is none of', '400 definition.tcpPort', 'syslog', { tcpPort: 70_000 }),
    refused('members that nobody knows, __proto__ among them', '400 definition', 'file', {
      ...file({}),
      ['__proto__x']: 1,
    }),
    refused('a hundred paths', '400 definition.paths', 'file', { paths: Array(100).fill('/x') }),
    {
      what: 'a pattern on which a backtracking engine would take for ever: it is taken, and reads',
      async send(trial) {
        const definition = file({ reading: { format: 'pattern', pattern: '^(?P<a>(a+)+)$' } })
        const told = await save(trial, 'file', definition)
        const bad = await trial.world.api('POST', '/api/v1/sources', '{"kind":')
        return `${told}; ${bad.status}`
      },
      answers: '201; 400',
      counts: refusedAtSave,
    },
    {
      what: 'a definition of 4 MB, and one that is nested 100,000 times',
      async send(trial) {
        const large = await save(trial, 'file', file({ note: 'x'.repeat(4 * 1024 * 1024) }))
        const nested = `{"kind":"file","name":"n","definition":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`
        const { status } = await trial.world.api('POST', '/api/v1/sources', nested)
        return `${large}; ${status}`
      },
      answers: /^413; (400|413)$/,
      counts: answered('/api/v1/sources', '400'),
    },
    {
      what: 'the same name twice',
      async send(trial) {
        const first = await save(trial, 'push', push({ key: trial.key.id }))
        return `${first}; ${await save(trial, 'push', push({ key: trial.key.id, door: 'samples' }))}`
      },
      answers: '201; 409',
      counts: answered('/api/v1/sources', '409'),
    },
    {
      what: 'a source of another tenant: not seen, not changed, not removed',
      async send(trial) {
        const { world, name } = trial
        const wish = { kind: 'push', name, definition: push({ key: trial.key.id, door: 'otlp' }) }
        const { body } = await world.api('POST', '/api/v1/sources', wish)
        const path = `/api/v1/sources/${body.source}`
        const told: number[] = []
        for (const [method, sent] of [
          ['GET', undefined],
          ['PUT', { name: 'mine', active: false, definition: wish.definition, revision: body.revision }],
          ['PATCH', { active: false }],
          ['DELETE', undefined],
        ] as const) {
          told.push((await world.api(method, path, sent, world.strangerKey)).status)
        }
        const { body: after } = await world.api('GET', path)
        return `${told.join(' ')}; ${after.name === name && after.active}`
      },
      answers: '404 404 404 404; true',
      counts: answered('/api/v1/sources/:id', '404'),
    },
    {
      what: 'a key that may only send: it saves nothing and reads nothing',
      async send(trial) {
        const told = await save(trial, 'push', push({}), trial.key.key)
        const { status } = await trial.world.api('GET', '/api/v1/dead-letters', undefined, trial.key.key)
        return `${told}; ${status}`
      },
      answers: '403; 403',
      counts: answered('/api/v1/sources', '403'),
    },
  ],
}
