import { datatypes } from '@driftline/mqtt/sparkplug/datatypes'
import { type PayloadToWrite, writePayload } from '@driftline/mqtt/sparkplug/wire-writer'
import { openMqtt } from './mqtt-peer.ts'
import type { Door, HostileInput, Trial } from './trial.ts'

const letter = (reason: string): HostileInput['counts'] => ['driftline_dead_letters_total', { service: 'mqtt', reason }]
const leftOut = (reason: string): HostileInput['counts'] => ['status.filtered', { reason }]

interface Sent {
  readonly type: string
  readonly payload: PayloadToWrite | Uint8Array
}

/** Publishes as an edge node of the trial's name. */
async function node({ world, name }: Trial, ...messages: Sent[]): Promise<string> {
  const peer = await openMqtt(world.mqttPort, { clientId: name })
  for (const { type, payload } of messages) {
    const bytes = payload instanceof Uint8Array ? payload : writePayload({ timestampMs: Date.now(), ...payload })
    await peer.publish(`spBv1.0/hostile/${type}/${name}`, bytes, { qos: 1 })
  }
  peer.destroy()
  return 'acknowledged'
}

const double = (name: string, alias: number, value: number) => ({ name, alias, datatype: datatypes.double, value })
const birth = (...metrics: NonNullable<PayloadToWrite['metrics']>): Sent => ({
  type: 'NBIRTH',
  payload: { seq: 0, metrics: [{ name: 'bdSeq', datatype: datatypes.uint64, value: 0 }, ...metrics] },
})
const data = (seq: number, ...metrics: NonNullable<PayloadToWrite['metrics']>): Sent => ({
  type: 'NDATA',
  payload: { seq, metrics },
})

/** The same bytes whenever it is sent. */
const again: Sent = {
  type: 'NDATA',
  payload: writePayload({ timestampMs: Date.now() + 60_000, seq: 1, metrics: [double('level', 1, 6)] }),
}

const sparkplug = (
  what: string,
  reason: string,
  messages: readonly Sent[],
  more: Partial<HostileInput> = { letters: [reason], counts: letter(reason) },
): HostileInput => ({
  what,
  send: (trial) => node(trial, ...messages),
  answers: 'acknowledged',
  counts: letter(reason),
  ...more,
})

export const sparkplugDoor: Door = {
  name: 'Sparkplug B',
  lettersOf: ({ name }) => ({ service: 'mqtt', q: name }),
  inputs: [
    sparkplug('data before birth', 'sparkplug_before_birth', [data(1, double('level', 1, 5))], {
      counts: leftOut('sparkplug_before_birth'),
    }),
    sparkplug(
      'a sequence with a gap',
      'sparkplug_sequence_gap',
      [birth(double('level', 1, 5)), data(7, { alias: 1, datatype: datatypes.double, value: 6 })],
      { counts: leftOut('sparkplug_sequence_gap') },
    ),
    sparkplug(
      'a message that comes again',
      'sparkplug_repeated',
      [birth(double('level', 1, 5)), ...Array<Sent>(2).fill(again)],
      { counts: leftOut('sparkplug_repeated') },
    ),
    sparkplug(
      'a death of a session that is not the present one',
      'sparkplug_death_of_other_session',
      [
        birth(double('level', 1, 5)),
        { type: 'NDEATH', payload: { metrics: [{ name: 'bdSeq', datatype: datatypes.uint64, value: 77 }] } },
      ],
      { counts: leftOut('sparkplug_death_of_other_session') },
    ),
    sparkplug('a birth with sequence number 300', 'sparkplug_seq_out_of_range', [
      { type: 'NBIRTH', payload: { seq: 300, metrics: [] } },
    ]),
    sparkplug('an alias that the birth did not give', 'sparkplug_alias_unknown', [
      birth(double('level', 1, 5)),
      data(1, { alias: 99, datatype: datatypes.double, value: 1 }),
    ]),
    sparkplug('a metric that is not in the birth', 'sparkplug_metric_unknown', [
      birth(double('level', 1, 5)),
      data(1, { name: 'other', datatype: datatypes.double, value: 1 }),
    ]),
    sparkplug('an alias for two metrics', 'sparkplug_alias_ambiguous', [
      birth(double('level', 1, 5), double('other', 1, 6)),
    ]),
    sparkplug('a datatype that changes after the birth', 'sparkplug_datatype_changed', [
      birth(double('level', 1, 5)),
      data(1, { name: 'level', datatype: datatypes.string, value: 'high' }),
    ]),
    sparkplug('values that are not finite', 'value_not_finite', [
      birth(double('level', 1, 5)),
      data(1, double('level', 1, Number.NaN)),
      data(2, double('level', 1, Number.NEGATIVE_INFINITY)),
    ]),
    sparkplug('a value of 1970', 'time_too_old', [
      birth(double('level', 1, 5)),
      data(1, { ...double('level', 1, 5), timestampMs: 1 }),
    ]),
    sparkplug('a value of 2262', 'time_in_future', [
      birth(double('level', 1, 5)),
      data(1, { ...double('level', 1, 5), timestampMs: 9_223_372_036_854 }),
    ]),
    sparkplug('metrics without a name', 'sparkplug_metric_unnamed', [
      birth({ alias: 3, datatype: datatypes.double, value: 1 }),
    ]),
    sparkplug('bytes that are no Sparkplug, and a birth that is cut off', 'payload_not_sparkplug', [
      { type: 'NBIRTH', payload: Buffer.from('{"metrics":[]}') },
      { type: 'NBIRTH', payload: Uint8Array.of(0x12, 0xff, 0xff, 0x7f, 1) },
    ]),
    sparkplug('a type of message that there is none of', 'sparkplug_topic_invalid', [
      { type: 'NSOMETHING', payload: { seq: 1 } },
    ]),
  ],
}
