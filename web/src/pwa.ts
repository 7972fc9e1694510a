/**
 * Registers the service worker and tells when a new version waits. `activate` switches to it and reloads the page.
 * In development there is no worker: a cache would hide changes.
 */
export function watchForUpdate(onWaiting: (activate: () => void) => void): void {
  if (!('serviceWorker' in navigator) || !import.meta.env.PROD) return
  let reloading = false
  const offer = (worker: ServiceWorker) =>
    onWaiting(() => {
      navigator.serviceWorker.addEventListener('controllerchange', () => {
        if (reloading) return
        reloading = true
        location.reload()
      })
      worker.postMessage('activate')
    })

  navigator.serviceWorker
    .register('/service-worker.js')
    .then((registration) => {
      if (registration.waiting && navigator.serviceWorker.controller) offer(registration.waiting)
      registration.addEventListener('updatefound', () => {
        const worker = registration.installing
        worker?.addEventListener('statechange', () => {
          if (worker.state === 'installed' && navigator.serviceWorker.controller) offer(worker)
        })
      })
    })
    // Without a worker everything works but the start without a network.
    .catch(() => undefined)
}
