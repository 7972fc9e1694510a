import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './App.vue'
import { api } from './api/client.ts'
import { createAppRouter } from './router.ts'
import './styles/tokens.css'
import './styles/base.css'
import './styles/parts.css'

const router = createAppRouter()

// An expired session sends people to the sign-in page and brings them back to the same view afterwards.
api.onUnauthorised(() => {
  const here = router.currentRoute.value
  if (here.name !== 'signin') void router.push({ name: 'signin', query: { to: here.fullPath, ended: '1' } })
})

createApp(App).use(createPinia()).use(router).mount('#app')
