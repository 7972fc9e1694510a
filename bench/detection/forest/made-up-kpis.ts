import type { KpiName } from '../../../proto/src/index.ts'
import { createRandom, type Random } from '../../../services/analyzer/src/detectors/isolation-forest/random.ts'

/** KPIs of one minute; those left out have no data. */
export type MinuteKpis = Partial<Record<KpiName, number>>

/** A process as it runs when nothing is wrong with it: minutes since the start (a Monday, 00:00) to its KPIs. */
export type MadeUpProcess = (minute: number) => MinuteKpis

const DAY = 1440
const WEEK = 7 * DAY
const MB = 1e6

const bell = (random: Random): number => {
  const radius = Math.sqrt(-2 * Math.log(1 - random.nextUnit()))
  return radius * Math.cos(2 * Math.PI * random.nextUnit())
}

/** Noise that remembers: each value is `memory` of the one before and new noise, standard deviation 1. */
function drifting(random: Random, memory: number): () => number {
  let value = bell(random)
  return () => {
    value = memory * value + Math.sqrt(1 - memory * memory) * bell(random)
    return value
  }
}

/** 0 at night, 1 in the afternoon, half of it at weekends. */
function officeHours(minute: number): number {
  const day = Math.max(0, Math.sin(((minute % DAY) / DAY) * 2 * Math.PI - Math.PI / 2) * 0.5 + 0.5)
  return minute % WEEK >= 5 * DAY ? day / 2 : day
}

/** Something that happens at random `perDay` times a day and lasts about `minutes`; answers how far in, -1 outside. */
function happenings(random: Random, perDay: number, minutes: number): () => number {
  let left = 0
  let passed = -1
  return () => {
    if (left <= 0 && random.nextUnit() < perDay / DAY) {
      left = Math.max(1, Math.round(minutes * Math.exp(0.6 * bell(random))))
      passed = -1
    }
    if (left <= 0) return -1
    left -= 1
    passed += 1
    return passed
  }
}

type Make = (random: Random) => MadeUpProcess

function idleDaemon(random: Random): MadeUpProcess {
  const memory = MB * (5 + 40 * random.nextUnit())
  const blip = happenings(random, 3, 2)
  return () => {
    const busy = blip() >= 0
    return {
      cpu: 0.0005 * (1 + random.nextUnit()) + (busy ? 0.05 * random.nextUnit() : 0),
      memory: memory + (busy ? MB * random.nextUnit() : 0),
      disk_read: busy ? 50_000 * random.nextUnit() : 0,
      disk_write: busy ? 20_000 * random.nextUnit() : 0,
      throughput: 0,
      instances: 1,
    }
  }
}

function steadyServer(random: Random): MadeUpProcess {
  const load = drifting(random, 0.95)
  const size = 0.1 + random.nextUnit()
  let heap = random.nextUnit()
  return () => {
    const level = Math.max(0.05, 1 + 0.1 * load() + 0.03 * bell(random))
    heap = heap > 1 ? 0.3 : heap + 0.01 * level
    return {
      cpu: size * level,
      memory: 400 * MB * size * (1 + 0.4 * heap),
      disk_read: 0,
      disk_write: 30_000 * level * Math.exp(0.3 * bell(random)),
      throughput: 0,
      instances: 4,
    }
  }
}

function webServer(random: Random): MadeUpProcess {
  const load = drifting(random, 0.9)
  const size = 0.5 + 2 * random.nextUnit()
  const deploy = happenings(random, 0.3, 3)
  return (minute) => {
    const level = Math.max(0.02, 0.15 + officeHours(minute)) * Math.exp(0.12 * load())
    const deploys = deploy() >= 0
    return {
      cpu: size * level * (1 + 0.05 * bell(random)) + (deploys ? 0.5 : 0),
      memory: 300 * MB + 200 * MB * level + (deploys ? 100 * MB : 0) + 3 * MB * bell(random),
      disk_read: random.nextUnit() < 0.1 ? MB * random.nextUnit() : 0,
      disk_write: 2e5 * level * Math.exp(0.2 * bell(random)),
      network_receive: 1e5 * level * (1 + 0.05 * bell(random)),
      network_transmit: 1e6 * level * (1 + 0.05 * bell(random)),
      throughput: deploys ? 0.05 : 0,
      error_rate: deploys ? 0.1 * random.nextUnit() : 0,
      instances: 8 + Math.round(4 * level),
    }
  }
}

function hourlyJob(random: Random): MadeUpProcess {
  const at = random.nextBelow(60)
  const minutes = 1 + random.nextBelow(5)
  return (minute) => {
    const runs = (minute - at + 600) % 60 < minutes
    const scale = Math.exp(0.15 * bell(random))
    return {
      cpu: runs ? 0.8 * Math.min(1.2, scale) : 0,
      memory: runs ? 120 * MB * scale : 0,
      disk_read: runs ? 5 * MB * scale : 0,
      disk_write: runs ? MB * scale : 0,
      throughput: runs ? 1 / 60 : 0,
      instances: runs ? 1 : 0,
    }
  }
}

function nightlyBackup(random: Random): MadeUpProcess {
  const at = 60 + random.nextBelow(240)
  let minutes = 25
  return (minute) => {
    const into = (minute % DAY) - at
    if (into === 0) minutes = Math.round(25 * Math.exp(0.2 * bell(random)))
    const runs = into >= 0 && into < minutes
    return {
      cpu: runs ? 0.6 + 0.1 * bell(random) : 0.0003 * random.nextUnit(),
      memory: (runs ? 250 : 20) * MB + 0.1 * MB * bell(random),
      disk_read: runs ? 80 * MB * Math.exp(0.2 * bell(random)) : 0,
      disk_write: runs ? 40 * MB * Math.exp(0.2 * bell(random)) : 0,
      throughput: 0,
      instances: runs ? 3 : 1,
    }
  }
}

function worker(random: Random): MadeUpProcess {
  const job = happenings(random, 30, 8)
  let weight = 1
  return () => {
    const into = job()
    if (into === 0) weight = Math.exp(0.4 * bell(random))
    const busy = into >= 0
    return {
      cpu: busy ? Math.min(2, 0.9 * weight + 0.1 * bell(random)) : 0.002 * random.nextUnit(),
      memory: 80 * MB + (busy ? 200 * MB * weight : 0),
      disk_read: busy ? 3 * MB * weight * Math.exp(0.5 * bell(random)) : 0,
      disk_write: busy ? MB * weight * Math.exp(0.5 * bell(random)) : 500 * random.nextUnit(),
      throughput: into === 0 ? 1 / 60 : 0,
      instances: 1,
    }
  }
}

function database(random: Random): MadeUpProcess {
  const load = drifting(random, 0.97)
  return (minute) => {
    const level = (0.3 + officeHours(minute)) * Math.exp(0.2 * load())
    const flushes = minute % 5 === 0
    return {
      cpu: 1.5 * level + 0.05 * bell(random),
      memory: 4000 * MB + 20 * MB * bell(random),
      disk_read: 2 * MB * level * Math.exp(0.8 * bell(random)),
      disk_write: (flushes ? 20 : 2) * MB * level * Math.exp(0.4 * bell(random)),
      throughput: 0,
      instances: 12 + Math.round(6 * level),
    }
  }
}

function growing(random: Random): MadeUpProcess {
  const load = drifting(random, 0.8)
  const restartAt = random.nextBelow(WEEK)
  return (minute) => {
    const age = (minute + WEEK - restartAt) % WEEK
    const level = Math.max(0.05, 1 + 0.2 * load())
    return {
      cpu: 0.2 * level,
      memory: 200 * MB + (300 * MB * age) / WEEK + MB * bell(random),
      disk_read: 0,
      disk_write: 5000 * level,
      throughput: age === 0 ? 1 / 60 : 0,
      instances: 1,
    }
  }
}

function person(random: Random): MadeUpProcess {
  const compiles = happenings(random, 60, 2)
  const lunch = 700 + random.nextBelow(60)
  return (minute) => {
    const inDay = minute % DAY
    const there = minute % WEEK < 5 * DAY && inDay > 540 && inDay < 1080 && !(inDay > lunch && inDay < lunch + 45)
    const busy = compiles() >= 0 && there
    return {
      cpu: there ? 0.1 + 0.1 * random.nextUnit() + (busy ? 3 * random.nextUnit() : 0) : 0.01,
      memory: (there ? 1500 : 900) * MB + (busy ? 1000 * MB * random.nextUnit() : 0),
      disk_read: busy ? 10 * MB * Math.exp(0.7 * bell(random)) : 0,
      disk_write: busy ? 20 * MB * Math.exp(0.7 * bell(random)) : 1000,
      throughput: busy ? 5 * random.nextUnit() : 0,
      instances: there ? 20 + random.nextBelow(6) : 6,
    }
  }
}

function weeklyJob(random: Random): MadeUpProcess {
  const at = 6 * DAY + 180 + random.nextBelow(120)
  const idle = idleDaemon(random)
  return (minute) => {
    const into = (minute % WEEK) - at
    const calm = idle(minute)
    if (into < 0 || into >= 40) return calm
    return {
      ...calm,
      cpu: 0.9,
      disk_read: 30 * MB * Math.exp(0.2 * bell(random)),
      disk_write: 10 * MB,
      memory: 90 * MB,
    }
  }
}

export const kindsOfProcess: Readonly<Record<string, Make>> = {
  'idle daemon': idleDaemon,
  'steady server': steadyServer,
  'web server': webServer,
  'hourly job': hourlyJob,
  'nightly backup': nightlyBackup,
  worker,
  database,
  growing,
  person,
  'weekly job': weeklyJob,
}

export const kindNames = Object.keys(kindsOfProcess)

/** `count` processes, the kinds in turn. */
export function makeProcesses(count: number, seed: bigint): MadeUpProcess[] {
  return Array.from({ length: count }, (_, at) => {
    return kindsOfProcess[kindNames[at % kindNames.length]!]!(createRandom(seed + BigInt(at)))
  })
}

/** What can go wrong with a process, as a change to its KPIs. */
export const troubles: Readonly<Record<string, (kpis: MinuteKpis) => MinuteKpis>> = {
  'burns two cores': (kpis) => ({ ...kpis, cpu: (kpis.cpu ?? 0) + 2 }),
  'takes 2 GB of memory': (kpis) => ({ ...kpis, memory: (kpis.memory ?? 0) + 2000 * MB }),
  'writes 100 MB/s': (kpis) => ({ ...kpis, disk_write: 100 * MB, disk_read: (kpis.disk_read ?? 0) + MB }),
  'restarts all the time': (kpis) => ({ ...kpis, throughput: 0.5, error_rate: 1, instances: 0.5 }),
  'burns and writes': (kpis) => ({
    ...kpis,
    cpu: (kpis.cpu ?? 0) + 1,
    disk_write: 50 * MB,
    memory: 2 * (kpis.memory ?? 0),
  }),
}
