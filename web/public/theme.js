// Runs before the first paint, so that the page never flashes in the other theme.
// It is a file and not inline because the content security policy allows no inline scripts.
;(() => {
  let choice = 'system'
  try {
    choice = localStorage.getItem('driftline.theme') || 'system'
  } catch {}
  const light = choice === 'light' || (choice !== 'dark' && matchMedia('(prefers-color-scheme: light)').matches)
  document.documentElement.dataset.theme = light ? 'light' : 'dark'
  document.querySelector('meta[name="theme-color"]').content = light ? '#f8f7f3' : '#0e1011'
})()
