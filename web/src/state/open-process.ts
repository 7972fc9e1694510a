import { type RouteLocationRaw, useRouter } from 'vue-router'
import { hostOf, kindOf } from '../process-id.ts'

/** Where a process lives in the app: hosts and flows have pages of their own kind. */
export function processLink(id: string): RouteLocationRaw {
  const host = hostOf(id)
  if (kindOf(id) === 'host' && host !== null) return { name: 'host', params: { host } }
  return { name: kindOf(id) === 'flow' ? 'flow' : 'process', params: { id } }
}

export function useOpenProcess(): (id: string) => void {
  const router = useRouter()
  return (id) => void router.push(processLink(id))
}
