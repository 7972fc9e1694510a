export interface Dice {
  uniform(): number
  normal(): number
}

/** Numbers of what a device measures. `valueAt` is asked once per interval, in the order of time. */
export interface MadeUpSeries {
  readonly intervalS: number
  valueAt(second: number): number
}

/** Same seed, same numbers: uniform in [0, 1), and standard normal. */
export function createDice(seed: number): Dice {
  let state = (seed * 2_654_435_761) >>> 0
  const uniform = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x45d9f3b)
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b)
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32
  }
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
  return { uniform, normal }
}

type Make = (dice: Dice) => MadeUpSeries

const DAY_S = 86_400
const wave = (second: number, periodS: number): number => Math.sin((2 * Math.PI * second) / periodS)
const each = (intervalS: number, valueAt: (second: number) => number): MadeUpSeries => ({ intervalS, valueAt })
const between = (dice: Dice, low: number, high: number): number => low + (high - low) * dice.uniform()

/** Follows itself: each value keeps a part of the one before. */
function walking(dice: Dice, keep: number, size: number): () => number {
  let at = 0
  return () => {
    at = keep * at + Math.sqrt(1 - keep * keep) * size * dice.normal()
    return at
  }
}

/** On for a while, off for a while, of random lengths around a mean. */
function switching(dice: Dice, onS: number, offS: number): (second: number) => boolean {
  let isOn = false
  let nextS = 0
  return (second) => {
    if (second >= nextS) {
      isOn = !isOn
      nextS = second + (isOn ? onS : offS) * between(dice, 0.7, 1.3)
    }
    return isOn
  }
}

export const kinds: readonly { readonly name: string; readonly make: Make }[] = [
  { name: 'steady', make: (d) => each(1, () => 50 * (1 + 0.01 * d.normal())) },
  { name: 'noisy', make: (d) => each(1, () => 50 * (1 + 0.2 * d.normal())) },
  { name: 'every 10 s', make: (d) => each(10, () => 200 * (1 + 0.03 * d.normal())) },
  { name: 'every minute', make: (d) => each(60, () => 12 * (1 + 0.03 * d.normal())) },
  { name: 'every 10 s, noisy', make: (d) => each(10, () => 40 * (1 + 0.2 * d.normal())) },
  { name: 'temperature, swings of 10 min', make: (d) => each(1, (s) => 60 + 15 * wave(s, 600) + 0.2 * d.normal()) },
  {
    name: 'temperature, swings of 7 min, 10 s',
    make: (d) => each(10, (s) => 60 + 20 * wave(s, 420) + 0.3 * d.normal()),
  },
  { name: 'temperature of a day', make: (d) => each(10, (s) => 22 + 6 * wave(s - 30_000, DAY_S) + 0.15 * d.normal()) },
  {
    name: 'power by shifts',
    make: (d) => {
      const walk = walking(d, 0.995, 4)
      return each(1, (s) => (s % DAY_S > 6 * 3600 && s % DAY_S < 22 * 3600 ? 120 : 20) + walk() + d.normal())
    },
  },
  { name: 'sawtooth', make: (d) => each(1, (s) => 10 + (s % 900) / 10 + 0.3 * d.normal()) },
  {
    name: 'compressor, on and off',
    make: (d) => {
      const isOn = switching(d, 240, 700)
      return each(1, (s) => (isOn(s) ? 7.5 : 0.4) * (1 + 0.03 * d.normal()))
    },
  },
  {
    name: 'on and off, every 10 s',
    make: (d) => {
      const isOn = switching(d, 400, 1500)
      return each(10, (s) => (isOn(s) ? 30 : 5) * (1 + 0.03 * d.normal()))
    },
  },
  {
    name: 'state',
    make: (d) => {
      const isOn = switching(d, 900, 3000)
      return each(1, (s) => (isOn(s) ? 1 : 0))
    },
  },
  { name: 'walk', make: (d) => ((walk) => each(1, () => 100 + walk()))(walking(d, 0.9998, 12)) },
  { name: 'drift of minutes', make: (d) => ((walk) => each(1, () => 70 + walk() + d.normal()))(walking(d, 0.997, 6)) },
  {
    name: 'counts',
    make: (d) =>
      each(1, () => {
        let count = 0
        for (let left = Math.exp(-8), product = d.uniform(); product > left; product *= d.uniform()) count += 1
        return count
      }),
  },
  { name: 'heavy tails', make: (d) => each(1, () => 30 * Math.exp(0.5 * d.normal())) },
  {
    name: 'bursts of half a minute',
    make: (d) => {
      let untilS = 0
      return each(1, (s) => {
        if (s > untilS && d.uniform() < 1 / 1200) untilS = s + between(d, 5, 40)
        return (s < untilS ? between(d, 40, 90) : 10) * (1 + 0.1 * d.normal())
      })
    },
  },
  { name: 'single spikes', make: (d) => each(1, () => 25 + d.normal() + (d.uniform() < 1 / 600 ? 400 : 0)) },
  { name: 'a constant', make: () => each(1, () => 48) },
  {
    name: 'filling up and emptied',
    make: (d) => each(60, (s) => 200 + (s % (DAY_S / 3)) / 60 + 0.5 * d.normal()),
  },
  { name: 'around zero', make: (d) => ((walk) => each(1, () => walk() + 0.3 * d.normal()))(walking(d, 0.95, 1)) },
]
