/*
 * Keeps the app's own files, so that it opens at once and also without a network. It never touches the API: values
 * are live or they are not shown. The build puts in the version and the list of files.
 */
const version = '__VERSION__'
const files = ['__FILES__']
const cacheName = `driftline-${version}`
const own = /^\/(assets|fonts|icons)\/|^\/(theme\.js|manifest\.webmanifest)$/

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(cacheName).then((cache) => cache.addAll(['/', ...files])))
})

// A new version waits until the person agrees: its files must not mix with those of the page that is open.
self.addEventListener('message', (event) => {
  if (event.data === 'activate') self.skipWaiting()
})

self.addEventListener('activate', (event) => {
  const forget = caches
    .keys()
    .then((names) => names.filter((name) => name.startsWith('driftline-') && name !== cacheName))
    .then((names) => Promise.all(names.map((name) => caches.delete(name))))
  event.waitUntil(forget.then(() => self.clients.claim()))
})

async function fromCache(request) {
  const cache = await caches.open(cacheName)
  const kept = await cache.match(request)
  if (kept) return kept
  const answer = await fetch(request)
  if (answer.ok) await cache.put(request, answer.clone())
  return answer
}

/** Pages come from the cache of this version, so that its scripts fit; without one, from the network. */
async function page(request) {
  const cache = await caches.open(cacheName)
  return (await cache.match('/')) ?? fetch(request)
}

self.addEventListener('fetch', (event) => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== self.location.origin) return
  if (own.test(url.pathname)) event.respondWith(fromCache(request))
  else if (request.mode === 'navigate' && !/^\/(api|metrics|livez|readyz|v1)(\/|$)/.test(url.pathname)) {
    event.respondWith(page(request))
  }
})
