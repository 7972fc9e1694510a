import type { LabelledSeries } from './series.ts'
import { createRandom } from './variants.ts'

/** One made-up anomaly: what it does to a row `since` rows after its start. Sizes are in spreads of the series. */
interface Trouble {
  readonly start: number
  readonly kind: (typeof troubleKinds)[number]
  readonly size: number
  readonly rows: number
  readonly lasting: boolean
}

const troubleKinds = ['spike', 'shift', 'plateau', 'unrest', 'no season', 'frozen', 'decay', 'ramp', 'ticks'] as const

/** What the troubles do to one row. */
interface Effect {
  add: number
  noise: number
  season: number
  frozen: boolean
}

const families = ['gauge', 'percentage with jobs', 'counts', 'bursty counts', 'walk', 'on and off', 'ratio'] as const

function effectOf(troubles: readonly Trouble[], row: number, day: number): Effect {
  const effect: Effect = { add: 0, noise: 1, season: 1, frozen: false }
  for (const { start, kind, size, rows, lasting } of troubles) {
    const since = row - start
    if (since < 0) continue
    if (kind === 'spike' && since < Math.min(rows, 3)) effect.add += size * 1.3
    if (kind === 'shift' && (lasting || since < 2 * day)) effect.add += size * 0.5
    if (kind === 'plateau' && since < rows + 6) effect.add += size * 0.7
    if (kind === 'unrest' && since < 2 * rows + day / 4) effect.noise *= 1 + Math.abs(size) / 2
    if (kind === 'no season' && since < day) effect.season = 0
    if (kind === 'frozen' && since < rows + day / 8) effect.frozen = true
    if (kind === 'decay' && since < day) effect.add += size * 0.8 * Math.exp(-since / (rows + 2))
    if (kind === 'ramp' && since < 1.5 * day) effect.add += size * 0.8 * Math.min(1, since / (0.7 * day))
    if (kind === 'ticks' && since < 0.6 * day && since % Math.max(3, Math.floor(rows / 8) + 3) === 0) {
      effect.add += size * 0.7
    }
  }
  return effect
}

type Random = () => number

const gauss = (random: Random): number => Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random())

function makeTroubles(random: Random, length: number, day: number): Trouble[] {
  const wanted = [0, 1, 1, 2, 2, 2, 3, 3][Math.floor(random() * 8)]!
  const troubles: Trouble[] = []
  for (let tries = 0; tries < 50 && troubles.length < wanted; tries++) {
    const start = Math.floor((0.17 + 0.8 * random()) * length)
    if (troubles.some((other) => Math.abs(other.start - start) < 0.12 * length)) continue
    troubles.push({
      start,
      kind: troubleKinds[Math.floor(random() * troubleKinds.length)]!,
      size: (2.5 + 6.5 * random()) * (random() < 0.35 ? -1 : 1),
      rows: Math.max(1, Math.floor((day * 1.2) ** random())),
      lasting: random() < 0.5,
    })
  }
  return troubles.sort((a, b) => a.start - b.start)
}

/** Returns what makes the next row of a family from the season (-1 to 1 or so), the noise and the effect of troubles. */
function makeFamily(random: Random, family: number, day: number) {
  const base = 1 + 7 * random()
  const noise = 0.05 + 0.5 * random()
  const jobEvery = Math.max(10, Math.floor((0.1 + random()) * day))
  const jobRows = Math.max(1, Math.floor((0.005 + 0.05 * random()) * day))
  const jobSize = 1 + 5 * random()
  const burstChance = 0.0005 * 20 ** random()
  const burstTail = 1.6 + 2.4 * random()
  const dispersion = 0.2 + random()
  const heavy = () => (random() + 1e-9) ** (-1 / burstTail)
  let burst = 0
  let walk = 0
  return (row: number, season: number, wobble: number, { add, noise: more }: Effect): number => {
    const strength = Math.max(noise, 0.3) * 1.6
    if (family === 0) return base + season + noise * more * wobble + add * strength
    if (family === 1) {
      const job = row % jobEvery < jobRows ? jobSize * (1 + 0.1 * gauss(random)) : 0
      return Math.min(100, Math.max(0, base + 0.2 * season + job + noise * more * wobble + add * strength))
    }
    if (family === 2 || family === 3) {
      burst *= family === 3 ? 0.95 : 0.8
      if (random() < burstChance) burst += 0.5 * heavy()
      const lift = add > 0 ? 1 + 1.2 * add : Math.exp(0.35 * add)
      return Math.round(4 * base * Math.exp(0.3 * season + dispersion * more * gauss(random)) * (1 + burst) * lift)
    }
    if (family === 4) {
      walk += 0.05 * noise * gauss(random) - 0.0005 * walk
      return 10 * base + 3 * walk + 0.5 * season + 0.5 * noise * more * wobble + 1.8 * noise * add
    }
    if (family === 5) {
      const on = row % jobEvery < 4 * jobRows ? jobSize * (1 + 0.05 * gauss(random)) : 0
      return Math.max(0, base + on + 0.2 * noise * more * wobble + add * Math.max(0.3, jobSize / 2))
    }
    const rare = random() < 2 * burstChance ? heavy() : 1
    return Math.exp(0.4 * season + 0.7 * noise * more * wobble) * rare * (1 + Math.max(-0.9, 0.35 * add))
  }
}

/** A made-up monitored series with windows as NAB labels them: a tenth of the rows, shared by its anomalies. */
export function makeSeries(seed: number): LabelledSeries {
  const random = createRandom(seed * 7919 + 13)
  const family = Math.floor(random() * families.length)
  const stepSeconds = [300, 300, 300, 300, 3600, 600, 1800][Math.floor(random() * 7)]!
  const length = Math.floor((stepSeconds === 3600 ? 1400 : 2500) + (stepSeconds === 3600 ? 1000 : 3000) * random())
  const day = 86_400 / stepSeconds
  const troubles = makeTroubles(random, length, day)
  const next = makeFamily(random, family, day)
  const amplitude = [0, 0, 1, 1, 2][Math.floor(random() * 5)]! * (0.5 + 1.5 * random())
  const weekend = random() < 0.4 ? 0.3 + 0.7 * random() : 1
  const memory = random() < 0.5 ? 0.3 + 0.65 * random() : 0
  const scale = family === 2 || family === 3 ? 1 : 10 ** (5 * random() - 1)
  const startMs = 1.39e12 + Math.floor(random() * 1e6) * 60_000
  const timesMs = Float64Array.from({ length }, (_, row) => startMs + row * stepSeconds * 1000)
  const values = new Float64Array(length)
  let wobble = 0
  for (let row = 0; row < length; row++) {
    const effect = effectOf(troubles, row, day)
    const angle = (row / day) * 2 * Math.PI
    const weekday = Math.floor(timesMs[row]! / 86_400_000) % 7
    const lull = weekday === 2 || weekday === 3 ? weekend : 1
    const season = amplitude * (Math.sin(angle) + 0.3 * Math.sin(2 * angle + 1)) * lull * effect.season
    wobble = memory * wobble + Math.sqrt(1 - memory * memory) * gauss(random)
    const value = scale * next(row, season, wobble, effect)
    values[row] = effect.frozen && row > 0 ? values[row - 1]! : value
  }
  const half = (0.05 * length) / Math.max(1, troubles.length)
  return {
    name: `made up ${seed}`,
    group: families[family]!,
    timesMs,
    values,
    windows: troubles.map(({ start }) => [Math.floor(start - half), Math.min(length - 1, Math.floor(start + half))]),
  }
}
