import { existsSync } from 'node:fs'
import { hostMetrics } from '@driftline/proto/metrics'
import type { HostPart } from './cpu-and-memory.ts'
import { createHostFile } from './host-files.ts'

export interface InterfaceCounters {
  readonly name: string
  readonly receivedBytes: number
  readonly sentBytes: number
}

const INTERFACES_MAX = 64
/** Ends of virtual cables: named at random, as many as there are containers, and seen on the bridge already. */
const CABLE = /^(veth|cali|lxc|tap|vnet|azv|gke)/

export function parseNetDev(text: string): InterfaceCounters[] {
  const interfaces: InterfaceCounters[] = []
  for (const line of text.split('\n')) {
    const colon = line.lastIndexOf(':')
    if (colon < 0) continue
    const name = line.slice(0, colon).trim()
    const fields = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number)
    if (name === 'lo' || fields.length < 16) continue
    interfaces.push({ name, receivedBytes: fields[0]!, sentBytes: fields[8]! })
  }
  return interfaces
}

/**
 * The total is over interfaces with hardware behind them, because bridges, bonds and tunnels carry the same bytes
 * once more; where there are none (in a container), over all but loopback.
 */
export function createNetwork(procRoot: string, netRoot: string): HostPart {
  const file = createHostFile(`${procRoot}/net/dev`)
  let before = new Map<string, InterfaceCounters>()
  return {
    read: (host, seconds) => {
      const shown = parseNetDev(file.read())
        .filter((each) => !CABLE.test(each.name))
        .slice(0, INTERFACES_MAX)
      const physical = new Set(shown.map(({ name }) => name).filter((name) => existsSync(`${netRoot}/${name}/device`)))
      const total = { receive: 0, transmit: 0 }
      let measured = 0
      for (const each of shown) {
        const last = before.get(each.name)
        if (last === undefined || !(seconds > 0)) continue
        measured++
        const receive = Math.max(0, each.receivedBytes - last.receivedBytes) / seconds
        const transmit = Math.max(0, each.sentBytes - last.sentBytes) / seconds
        const attributes = { 'network.interface.name': each.name }
        host.set(host.series(hostMetrics.networkReceive, attributes), receive)
        host.set(host.series(hostMetrics.networkTransmit, attributes), transmit)
        if (physical.size > 0 && !physical.has(each.name)) continue
        total.receive += receive
        total.transmit += transmit
      }
      before = new Map(shown.map((each) => [each.name, each]))
      if (measured === 0) return
      host.set(host.series(hostMetrics.networkReceive), total.receive)
      host.set(host.series(hostMetrics.networkTransmit), total.transmit)
    },
    close: file.close,
  }
}
