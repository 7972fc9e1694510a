// Runs in the page before the app. Plain JavaScript: it is handed to the browser as it stands.
window.bench = { snapshotMs: 0, paintedMs: 0 }

const NativeSocket = window.WebSocket
window.WebSocket = class extends NativeSocket {
  constructor(address) {
    super(address)
    this.addEventListener('message', () => {
      window.bench.snapshotMs ||= performance.now()
    })
  }
}

const lookForRows = () => {
  if (document.querySelectorAll('[role=treegrid] [role=gridcell]').length < 100) {
    requestAnimationFrame(lookForRows)
    return
  }
  // The frame after the one in which the rows exist is the first that shows them.
  requestAnimationFrame(() => {
    window.bench.paintedMs = performance.now()
  })
}
requestAnimationFrame(lookForRows)

/** Intervals between animation frames and tasks of more than 50 ms, for so many milliseconds. */
window.benchFrames = (durationMs) =>
  new Promise((resolve) => {
    const intervals = []
    const long = []
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) long.push(entry.duration)
    }).observe({ entryTypes: ['longtask'] })
    const startedMs = performance.now()
    let last = startedMs
    const next = (now) => {
      intervals.push(now - last)
      last = now
      if (now - startedMs < durationMs) requestAnimationFrame(next)
      else resolve({ intervals: intervals.slice(1), long })
    }
    requestAnimationFrame(next)
  })
