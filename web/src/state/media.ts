import { defineStore } from 'pinia'
import { ref } from 'vue'

/** Which of the layouts is on: phone (under 700 px), wall (from 2200 px), or neither; and which columns tables leave out. */
export const useMedia = defineStore('media', () => {
  function watchQuery(query: string) {
    const list = matchMedia(query)
    const on = ref(list.matches)
    list.addEventListener('change', () => {
      on.value = list.matches
    })
    return on
  }
  return {
    tablet: watchQuery('(max-width: 850px)'),
    desktop: watchQuery('(max-width: 1250px)'),
    phone: watchQuery('(max-width: 700px)'),
    wall: watchQuery('(min-width: 2200px)'),
  }
})
