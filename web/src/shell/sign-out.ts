import { useRouter } from 'vue-router'
import { useSession } from '../state/session.ts'

/** Ends the session and goes to the sign-in page; where it could not be ended, stays, and the shell says so. */
export function useSignOut(): () => Promise<void> {
  const session = useSession()
  const router = useRouter()
  return async () => {
    if (await session.signOut()) await router.push({ name: 'signin' })
  }
}
