import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { ApiError, api } from '../api/client.ts'
import type { CurrentSession, CurrentUser, Role } from '../api/types.ts'

const rank: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 }

/** Who is signed in. The session itself is an HTTP-only cookie that this code never sees. */
export const useSession = defineStore('session', () => {
  const user = shallowRef<CurrentUser | null>(null)
  const known = ref(false)
  /** Why the last attempt to sign out failed; null when none did. */
  const signOutError = shallowRef<unknown>(null)

  /** Asks once who we are; later calls answer from memory until sign-in or sign-out. */
  async function load(): Promise<CurrentUser | null> {
    if (known.value) return user.value
    try {
      user.value = (await api.get<CurrentSession>('/sessions/current', { expectUnauthorised: true })).user
      known.value = true
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error
      user.value = null
      known.value = true
    }
    return user.value
  }

  return {
    user,
    signOutError,
    load,
    isAdmin: computed(() => user.value?.role === 'admin'),
    /** Whether the server would let them, by the name of the permission. */
    permits: (permission: string) => user.value?.permissions.includes(permission) ?? false,
    can: (role: Role) => (user.value ? rank[user.value.role] >= rank[role] : false),
    /** Throws ApiError 401 for a wrong name or password. */
    async signIn(username: string, password: string): Promise<void> {
      await api.post('/sessions', { username, password }, { expectUnauthorised: true })
      known.value = false
      await load()
    },
    /** Ends the session; false, with the reason, where the server did not: then the cookie still opens everything. */
    async signOut(): Promise<boolean> {
      signOutError.value = null
      try {
        await api.delete('/sessions', { expectUnauthorised: true })
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 401) {
          signOutError.value = error
          return false
        }
      }
      user.value = null
      known.value = true
      return true
    },
    /** The server said that the session is over. */
    forget(): void {
      user.value = null
      known.value = true
    },
  }
})
