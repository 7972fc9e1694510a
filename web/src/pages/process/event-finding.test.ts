import { expect, it } from 'vitest'
import { type EventFindingInput, eventFindingOf } from './event-finding.ts'

const input: EventFindingInput = {
  name: 'press-3',
  kind: 'device',
  wrong: null,
  metrics: { executionTime: 6840, successRate: 0.961, throughput: 1 },
  lastSeenMs: 0,
  atMs: 720_000,
  isSilent: false,
}
const say = (part: Partial<EventFindingInput>) =>
  eventFindingOf({ ...input, ...part })
    .map((phrase) => phrase.text)
    .join('')

it.each([
  [{}, 'press-3 sends 1.0 msg/s, one in 6.84 s; 96.1 % went well.'],
  [
    { kind: 'log' as const, name: 'payments', metrics: { executionTime: null, successRate: 1, throughput: 96 } },
    'payments writes 96.0 lines/s; 100 % went well.',
  ],
  [{ metrics: { executionTime: 5, successRate: null, throughput: null } }, 'press-3 takes 5.0 ms.'],
  [{ metrics: null }, 'Nothing was heard of press-3 in this time.'],
  [{ isSilent: true }, 'press-3 was last heard 12 min ago.'],
  [{ wrong: 'Vibration 7.9 mm/s, normal 2.1–3.7' }, 'Vibration 7.9 mm/s, normal 2.1–3.7.'],
])('%j is said as %s', (part, words) => expect(say(part)).toBe(words))
