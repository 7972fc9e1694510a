import { connectAsync, type MqttClient } from 'mqtt'

/** A machine that tells how it is doing, several times a second, with acknowledgement. */
export interface Press {
  readonly topic: string
  /** What it tells of itself from now on, in degrees Celsius. */
  heat(celsius: number): void
  publishTo(topic: string, payload: string): Promise<void>
  stop(): Promise<void>
}

const EVERY_MS = 250

export async function startPress(broker: string, topic: string): Promise<Press> {
  const client: MqttClient = await connectAsync(broker, { protocolVersion: 4, clientId: topic.replaceAll('/', '-') })
  let celsius = 70
  let told = 0
  const tell = (): void => {
    // A value that never changes at all would be left out as no news.
    const temperature = celsius + (told++ % 5) / 10
    client.publish(topic, JSON.stringify({ temp: temperature, vib: { rms: 2.1 }, cycle_s: 12 }), { qos: 1 })
  }
  const timer = setInterval(tell, EVERY_MS)
  tell()
  return {
    topic,
    heat(to) {
      celsius = to
    },
    publishTo: async (other, payload) => void (await client.publishAsync(other, payload, { qos: 1 })),
    async stop() {
      clearInterval(timer)
      await client.endAsync(true)
    },
  }
}
