/** Made-up processes as they run on real machines, second by second. Numbers come from seeds: the same each time. */

export interface Dice {
  uniform(): number
  normal(): number
}

export interface MadeUpProcess {
  readonly name: string
  /** KPI that it is seen by. */
  readonly metric: string
  /** Value of the next second. `second` counts from Monday 00:00 UTC. */
  next(second: number): number
  /** The level of a fault: of a steady process a multiple of its value, of others this much on top. */
  readonly fault: { readonly kind: 'times' } | { readonly kind: 'plus'; readonly amount: number }
}

type Make = (dice: Dice, name: string) => MadeUpProcess

const HOUR = 3600
const DAY = 86_400
const MB = 1024 * 1024
const times = { kind: 'times' } as const
const plus = (amount: number) => ({ kind: 'plus', amount }) as const
const exponential = (dice: Dice, mean: number): number => -mean * Math.log(1 - dice.uniform())
const between = (dice: Dice, low: number, high: number): number => low + (high - low) * dice.uniform()
const lognormal = (dice: Dice, median: number, sigma: number): number => median * Math.exp(sigma * dice.normal())

/** Wanders around 0 with the given standard deviation, and forgets over `spanS` seconds. */
function wander(dice: Dice, sigma: number, spanS: number): () => number {
  const keep = Math.exp(-1 / spanS)
  const step = sigma * Math.sqrt(1 - keep * keep)
  let at = sigma * dice.normal()
  return () => {
    at = at * keep + step * dice.normal()
    return at
  }
}

/** 0 at night, 1 around 14:00; a third of that at weekends. */
function dayShape(second: number): number {
  const hour = (second % DAY) / HOUR
  const shape = Math.exp(-(((hour - 14) / 4.5) ** 2))
  return Math.floor(second / DAY) % 7 >= 5 ? shape / 3 : shape
}

/** Bursts at random: gaps and lengths in seconds, heights as drawn. */
function bursts(dice: Dice, gapS: number, length: () => number, height: () => number): (second: number) => number {
  let from = exponential(dice, gapS)
  let till = from + length()
  let level = height()
  return (second) => {
    if (second >= till) {
      from = second + exponential(dice, gapS)
      till = from + Math.max(1, length())
      level = height()
    }
    return second >= from ? level : 0
  }
}

/** Every `everyS` seconds for about `forS`. */
function job(dice: Dice, everyS: number, forS: number, height: number): (second: number) => number {
  const at = between(dice, 0, everyS - 2 * forS)
  let lasts = forS
  return (second) => {
    const phase = second % everyS
    if (phase < 1) lasts = forS * between(dice, 0.8, 1.3)
    return phase >= at && phase < at + lasts ? height * (1 + 0.05 * dice.normal()) : 0
  }
}

const positive = (value: number): number => Math.max(0, value)

const idleDaemon: Make = (dice, name) => {
  const burst = bursts(
    dice,
    between(dice, 120, 900),
    () => between(dice, 1, 12),
    () => between(dice, 0.1, 0.8),
  )
  return { name, metric: 'cpu', fault: plus(1), next: (s) => positive(0.003 + 0.002 * dice.normal() + burst(s)) }
}

const minuteJob: Make = (dice, name) => {
  const run = job(dice, 60, between(dice, 2, 6), between(dice, 0.3, 1))
  return { name, metric: 'cpu', fault: plus(1), next: (s) => run(s) + 0.001 }
}

const hourlyJob: Make = (dice, name) => {
  const run = job(dice, HOUR, between(dice, 20, 90), between(dice, 0.4, 1))
  return { name, metric: 'cpu', fault: plus(2), next: (s) => run(s) + 0.01 * dice.uniform() }
}

const nightlyJob: Make = (dice, name) => {
  const run = job(dice, DAY, between(dice, 600, 2400), between(dice, 0.6, 1.5))
  return { name, metric: 'cpu', fault: plus(2), next: (s) => run(s) + 0.02 * dice.uniform() }
}

const buildMachine: Make = (dice, name) => {
  const run = bursts(
    dice,
    1500,
    () => lognormal(dice, 90, 0.9),
    () => between(dice, 0.8, 3.8),
  )
  const office = (s: number): boolean => dayShape(s) > 0.3
  return { name, metric: 'cpu', fault: plus(4), next: (s) => (office(s) ? run(s) : 0) + 0.05 * dice.uniform() }
}

const webCpu: Make = (dice, name) => {
  const load = wander(dice, 0.12, 120)
  const peak = between(dice, 0.5, 2.5)
  return {
    name,
    metric: 'cpu',
    fault: times,
    next: (s) => positive((0.15 + dayShape(s)) * peak * (1 + load()) * (1 + 0.1 * dice.normal())),
  }
}

const webThroughput: Make = (dice, name) => {
  const load = wander(dice, 0.08, 300)
  const peak = between(dice, 50, 500)
  return {
    name,
    metric: 'throughput',
    fault: times,
    next(s) {
      const mean = (0.2 + dayShape(s)) * peak * (1 + load())
      return positive(Math.round(mean + Math.sqrt(Math.max(0, mean)) * dice.normal()))
    },
  }
}

const steadyCpu: Make = (dice, name) => {
  const slow = wander(dice, 0.08, 4 * HOUR)
  const level = between(dice, 0.2, 1.5)
  return { name, metric: 'cpu', fault: times, next: () => positive(level * (1 + slow()) * (1 + 0.08 * dice.normal())) }
}

const growingMemory: Make = (dice, name) => {
  const start = between(dice, 150, 400)
  let level = start
  let freeAt = between(dice, 4, 16) * HOUR
  return {
    name,
    metric: 'memory',
    fault: plus(1200 * MB),
    next(s) {
      level += (start / (10 * HOUR)) * between(dice, 0, 2)
      if (s >= freeAt) {
        level = start * between(dice, 0.9, 1.1)
        freeAt = s + between(dice, 4, 16) * HOUR
      }
      return Math.round(level * MB)
    },
  }
}

const collectedMemory: Make = (dice, name) => {
  const base = between(dice, 100, 800)
  let garbage = 0
  return {
    name,
    metric: 'memory',
    fault: times,
    next() {
      garbage += base * 0.004 * between(dice, 0, 2)
      if (garbage > base * 0.35) garbage = 0
      return (base + garbage) * MB
    },
  }
}

const steppingMemory: Make = (dice, name) => {
  const step = bursts(
    dice,
    3 * HOUR,
    () => lognormal(dice, HOUR, 1),
    () => between(dice, 5, 60),
  )
  return {
    name,
    metric: 'memory',
    fault: times,
    next: (s) => (300 + step(s)) * MB + 4096 * Math.round(dice.normal() * 50),
  }
}

const constant: Make = (_, name) => ({ name, metric: 'memory', fault: times, next: () => 128 * MB })

const instances: Make = (dice, name) => {
  let alive = 8
  return {
    name,
    metric: 'instances',
    fault: plus(25),
    next() {
      if (dice.uniform() < 0.01) alive += dice.uniform() < (8 / (alive + 0.01)) * 0.5 ? 1 : -1
      alive = Math.max(4, Math.min(14, alive))
      return alive
    },
  }
}

const quantisedCpu: Make = (dice, name) => {
  const level = between(dice, 0.05, 0.4)
  return {
    name,
    metric: 'cpu',
    fault: times,
    next: () => Math.round(positive(level * (1 + 0.4 * dice.normal())) * 100) / 100,
  }
}

const onOff: Make = (dice, name) => {
  const on = bursts(
    dice,
    5400,
    () => exponential(dice, 2400),
    () => 1,
  )
  return {
    name,
    metric: 'cpu',
    fault: plus(2.5),
    next: (s) => on(s) * (1 + 0.05 * dice.normal()) + 0.01 * dice.uniform(),
  }
}

const flushingDisk: Make = (dice, name) => {
  const flush = bursts(
    dice,
    12,
    () => between(dice, 1, 3),
    () => 200_000 / Math.sqrt(1 - dice.uniform()),
  )
  return { name, metric: 'disk_write', fault: plus(60e6), next: (s) => 20_000 * dice.uniform() + flush(s) }
}

const heavyTailedNetwork: Make = (dice, name) => {
  const slow = wander(dice, 0.7, 60)
  const scale = between(dice, 50_000, 2_000_000)
  return {
    name,
    metric: 'network_transmit',
    fault: plus(scale * 30),
    next: (s) => scale * (0.3 + dayShape(s)) * Math.exp(slow() + 0.4 * dice.normal()),
  }
}

const serviceTime: Make = (dice, name) => {
  const level = between(dice, 30, 400)
  const slow = wander(dice, 0.1, HOUR)
  return { name, metric: 'execution_time', fault: times, next: () => level * Math.exp(slow() + 0.15 * dice.normal()) }
}

const successes: Make = (dice, name) => ({
  name,
  metric: 'success_rate',
  fault: plus(-0.5),
  next: () => Math.min(1, 1 - Math.abs(0.006 * dice.normal())),
})

const busyDisk: Make = (dice, name) => {
  const work = bursts(
    dice,
    400,
    () => between(dice, 2, 25),
    () => between(dice, 0.2, 0.95),
  )
  return { name, metric: 'io_share', fault: plus(0.8), next: (s) => Math.min(1, 0.02 * dice.uniform() + work(s)) }
}

/** Every kind, with how many of it there are among a hundred. */
export const kindsOfProcesses: readonly { readonly kind: string; readonly make: Make; readonly share: number }[] = [
  { kind: 'idle daemon', make: idleDaemon, share: 20 },
  { kind: 'job every minute', make: minuteJob, share: 4 },
  { kind: 'job every hour', make: hourlyJob, share: 3 },
  { kind: 'job every night', make: nightlyJob, share: 3 },
  { kind: 'build machine', make: buildMachine, share: 3 },
  { kind: 'web server, CPU', make: webCpu, share: 6 },
  { kind: 'web server, requests', make: webThroughput, share: 6 },
  { kind: 'steady CPU', make: steadyCpu, share: 8 },
  { kind: 'memory that grows and is freed', make: growingMemory, share: 6 },
  { kind: 'memory with garbage', make: collectedMemory, share: 6 },
  { kind: 'memory in steps', make: steppingMemory, share: 6 },
  { kind: 'constant', make: constant, share: 6 },
  { kind: 'instances', make: instances, share: 3 },
  { kind: 'quantised CPU', make: quantisedCpu, share: 6 },
  { kind: 'on and off', make: onOff, share: 2 },
  { kind: 'disk that flushes', make: flushingDisk, share: 4 },
  { kind: 'heavy-tailed network', make: heavyTailedNetwork, share: 2 },
  { kind: 'time per request', make: serviceTime, share: 2 },
  { kind: 'success rate', make: successes, share: 2 },
  { kind: 'disk busy', make: busyDisk, share: 2 },
]
