import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createLiveSocket } from './live-socket.ts'

class FakeSocket {
  readyState = 0
  sent: unknown[] = []
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: (() => void) | null = null
  send(text: string) {
    this.sent.push(JSON.parse(text))
  }
  close() {
    this.readyState = 3
    this.onclose?.()
  }
  accept() {
    this.readyState = 1
    this.onopen?.()
  }
  say(frame: unknown) {
    this.onmessage?.({ data: JSON.stringify(frame) })
  }
}

let sockets: FakeSocket[]
let states: string[]
const make = () =>
  createLiveSocket({
    open: () => {
      const socket = new FakeSocket()
      sockets.push(socket)
      return socket as unknown as WebSocket
    },
    onState: (state) => states.push(state),
  })
const listener = () => ({ snapshot: vi.fn(), changes: vi.fn(), error: vi.fn() })

beforeEach(() => {
  vi.useFakeTimers()
  sockets = []
  states = []
})
afterEach(() => vi.useRealTimers())

it('gives the snapshot, then changes in order', () => {
  const hears = listener()
  make().subscribe('overview', hears)
  sockets[0]!.accept()
  expect(sockets[0]!.sent).toEqual([{ subscribe: ['overview'] }])
  sockets[0]!.say({ channel: 'overview', seq: 4, snapshot: 'all' })
  sockets[0]!.say({ channel: 'overview', seq: 5, changes: 'one' })
  expect(hears.snapshot).toHaveBeenCalledWith('all')
  expect(hears.changes).toHaveBeenCalledWith('one')
})

it('asks for a new snapshot after a gap and drops changes until it is here', () => {
  const hears = listener()
  make().subscribe('overview', hears)
  sockets[0]!.accept()
  sockets[0]!.say({ channel: 'overview', seq: 1, snapshot: 'all' })
  sockets[0]!.say({ channel: 'overview', seq: 3, changes: 'late' })
  sockets[0]!.say({ channel: 'overview', seq: 4, changes: 'later' })
  expect(hears.changes).not.toHaveBeenCalled()
  expect(sockets[0]!.sent.slice(1)).toEqual([{ unsubscribe: ['overview'] }, { subscribe: ['overview'] }])
  sockets[0]!.say({ channel: 'overview', seq: 9, snapshot: 'again' })
  sockets[0]!.say({ channel: 'overview', seq: 10, changes: 'next' })
  expect(hears.changes).toHaveBeenCalledExactlyOnceWith('next')
})

it('comes back after the connection is lost and subscribes to everything again', () => {
  const live = make()
  live.subscribe('overview', listener())
  live.subscribe('alerts', listener())
  sockets[0]!.accept()
  sockets[0]!.close()
  expect(states.at(-1)).toBe('waiting')
  vi.advanceTimersByTime(1000)
  sockets[1]!.accept()
  expect(sockets[1]!.sent).toEqual([{ subscribe: ['overview', 'alerts'] }])
})

it('closes with the last listener and while paused', () => {
  const live = make()
  const stop = live.subscribe('overview', listener())
  sockets[0]!.accept()
  live.pause(true)
  expect(states.at(-1)).toBe('idle')
  vi.advanceTimersByTime(60_000)
  expect(sockets).toHaveLength(1)
  live.pause(false)
  sockets[1]!.accept()
  stop()
  expect(sockets[1]!.readyState).toBe(3)
  expect(states.at(-1)).toBe('idle')
})

it('tells a listener why its channel was refused', () => {
  const hears = listener()
  make().subscribe('host:gone/processes', hears)
  sockets[0]!.accept()
  sockets[0]!.say({ channel: 'host:gone/processes', error: { detail: 'There is no such host.' } })
  expect(hears.error).toHaveBeenCalledWith('There is no such host.')
})
