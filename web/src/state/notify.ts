import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import type { Alert } from '../api/types.ts'
import { readableId } from '../process-id.ts'

const key = 'driftline.notify'

/** Notifications of the browser: on only where a person asked for them, and only while nobody sees the page. */
export const useNotify = defineStore('notify', () => {
  const known = typeof Notification !== 'undefined'
  const permission = ref<NotificationPermission>(known ? Notification.permission : 'denied')
  const wanted = ref(known && localStorage.getItem(key) === 'on')

  return {
    known,
    permission,
    on: computed(() => wanted.value && permission.value === 'granted'),
    /** Asks for leave where it was not given yet. */
    async turn(on: boolean): Promise<void> {
      if (on && permission.value === 'default') permission.value = await Notification.requestPermission()
      wanted.value = on && permission.value === 'granted'
      localStorage.setItem(key, wanted.value ? 'on' : 'off')
    },
    async tell(alert: Alert, open: () => void): Promise<void> {
      if (!wanted.value || permission.value !== 'granted' || !document.hidden) return
      const { path, last } = readableId(alert.processId)
      const title = `${alert.severity}: ${path}${last}`
      const options = { body: alert.message, tag: alert.id, icon: '/icons/mark-192.png' }
      try {
        const shown = new Notification(title, options)
        shown.onclick = () => {
          window.focus()
          open()
          shown.close()
        }
      } catch {
        // Phones show notifications through the service worker only.
        const worker = await navigator.serviceWorker?.getRegistration()
        await worker?.showNotification(title, options)
      }
    },
  }
})
