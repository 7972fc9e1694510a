import { existsSync } from 'node:fs'
import { join } from 'node:path'
import express, { type RequestHandler } from 'express'

/**
 * Serves the built web app. Files under `assets/` carry a hash in their name and are kept for good; everything else
 * is asked again each time. Any page address without a file is the app itself, which routes in the browser. Files with
 * a `.br` or `.gz` beside them go out packed.
 */
export function createWeb(directory: string): RequestHandler {
  const router = express.Router()
  const index = join(directory, 'index.html')
  router.use(preferPacked(directory))
  router.use(
    express.static(directory, {
      index: false,
      redirect: false,
      setHeaders: (response, path) => {
        const hashed = path.startsWith(join(directory, 'assets'))
        response.setHeader('cache-control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache')
      },
    }),
  )
  router.use((request, response, next) => {
    const navigates = request.headers.accept?.includes('text/html') ?? false
    // A host or a service unit may have a dot in its name: a browser that asks for a page gets the app.
    const page = (request.method === 'GET' || request.method === 'HEAD') && (navigates || !/\.\w+$/.test(request.path))
    if (!page || request.path.startsWith('/assets/') || !request.accepts('html')) return next()
    if (!existsSync(index)) {
      response.status(503).type('text/plain').send('The web app is not built; run: npm run build\n')
      return
    }
    response.setHeader('cache-control', 'no-cache')
    response.sendFile(index)
  })
  return router
}

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json; charset=utf-8',
}

function preferPacked(directory: string): RequestHandler {
  return (request, response, next) => {
    const type = TYPES[/\.\w+$/.exec(request.path)?.[0] ?? '']
    if (type === undefined || request.path.includes('..')) return next()
    for (const [encoding, suffix] of [
      ['br', '.br'],
      ['gzip', '.gz'],
    ] as const) {
      if (!request.acceptsEncodings(encoding) || !existsSync(join(directory, `${request.path}${suffix}`))) continue
      request.url = request.url.replace(request.path, `${request.path}${suffix}`)
      response.setHeader('content-encoding', encoding)
      response.setHeader('content-type', type)
      response.vary('accept-encoding')
      break
    }
    next()
  }
}
