import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

/** The gateway that `npm run dev` talks to. */
const gateway = 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [vue()],
  // Nothing is inlined: the content security policy allows fonts and images from our own origin only.
  build: { target: 'es2022', assetsInlineLimit: 0, chunkSizeWarningLimit: 700 },
  server: {
    host: '127.0.0.1',
    proxy: {
      '/api': { target: gateway, ws: true, changeOrigin: false },
      '/metrics': gateway,
    },
  },
})
