import { defineStore } from 'pinia'
import { ref, watchEffect } from 'vue'

export type ThemeChoice = 'dark' | 'light' | 'system'

const choices: readonly ThemeChoice[] = ['dark', 'light', 'system']
const storageKey = 'driftline.theme'

function stored(): ThemeChoice {
  try {
    return choices.find((choice) => choice === localStorage.getItem(storageKey)) ?? 'system'
  } catch {
    return 'system'
  }
}

/** Dark, light or as the system says; kept in this browser. `public/theme.js` does the same before the first paint. */
export const useTheme = defineStore('theme', () => {
  const choice = ref<ThemeChoice>(stored())
  const systemLight = matchMedia('(prefers-color-scheme: light)')
  const shown = ref<'dark' | 'light'>('dark')

  function apply(): void {
    shown.value = choice.value === 'light' || (choice.value === 'system' && systemLight.matches) ? 'light' : 'dark'
    document.documentElement.dataset['theme'] = shown.value
    const ground = getComputedStyle(document.documentElement).getPropertyValue('--ground').trim()
    document.querySelector('meta[name="theme-color"]')?.setAttribute('content', ground)
  }
  systemLight.addEventListener('change', apply)
  watchEffect(apply)

  function choose(next: ThemeChoice): void {
    choice.value = next
    try {
      localStorage.setItem(storageKey, next)
    } catch {
      // A browser that keeps nothing shows the choice until the page is closed.
    }
  }
  return { choice, shown, choose, toggle: () => choose(shown.value === 'dark' ? 'light' : 'dark') }
})
