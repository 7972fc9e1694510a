import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import vue from '@vitejs/plugin-vue'
import { defineConfig, type Plugin } from 'vite'

/** The gateway that `npm run dev` talks to. */
const gateway = 'http://127.0.0.1:8080'

/** Puts the list of built files and a version made of it into the service worker. */
function serviceWorker(): Plugin {
  const source = new URL('./service-worker.js', import.meta.url)
  return {
    name: 'driftline-service-worker',
    apply: 'build',
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const files = Object.keys(bundle)
          .filter((name) => /^assets\/.*\.(js|css)$/.test(name))
          .sort()
          .map((name) => `/${name}`)
        const text = readFileSync(source, 'utf8')
        const version = createHash('sha256').update(text).update(files.join('\n')).digest('hex').slice(0, 12)
        const list = ['/theme.js', '/fonts/inter-latin.woff2', ...files].map((file) => `'${file}'`).join(',\n  ')
        this.emitFile({
          type: 'asset',
          fileName: 'service-worker.js',
          source: text.replace('__VERSION__', version).replace("'__FILES__'", list),
        })
      },
    },
  }
}

/** Smaller than this, packing saves nothing that anybody would notice. */
const packBytesMin = 1024

/** Writes `.br` and `.gz` beside scripts and styles; the gateway sends them to browsers that take them. */
function packed(): Plugin {
  return {
    name: 'driftline-packed',
    apply: 'build',
    writeBundle(options, bundle) {
      for (const [name, file] of Object.entries(bundle)) {
        const source = file.type === 'chunk' ? file.code : file.source
        if (!/\.(js|css)$/.test(name) || source.length < packBytesMin) continue
        const path = join(options.dir ?? 'dist', name)
        writeFileSync(`${path}.br`, brotliCompressSync(source))
        writeFileSync(`${path}.gz`, gzipSync(source))
      }
    },
  }
}

export default defineConfig({
  plugins: [vue(), serviceWorker(), packed()],
  // Nothing is inlined: the content security policy allows fonts and images from our own origin only.
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
    // How long plugins took is no news to whoever starts Driftline.
    rolldownOptions: { checks: { bundlerTimings: false } },
  },
  server: {
    host: '127.0.0.1',
    proxy: {
      '/api': { target: gateway, ws: true, changeOrigin: false },
      '/metrics': gateway,
    },
  },
})
