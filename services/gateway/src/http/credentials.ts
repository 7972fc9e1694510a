import type { IncomingMessage } from 'node:http'

export const SESSION_COOKIE = 'driftline_session'

/** A token that came with a request, and how: cookies need the defence against forged requests. */
export interface GivenToken {
  readonly token: string
  readonly by: 'cookie' | 'header'
}

/** The token of a request: `Authorization: Bearer` before the cookie; null for none. */
export function tokenOf(request: IncomingMessage): GivenToken | null {
  const { authorization, cookie } = request.headers
  const bearer = /^Bearer +([^\s]{1,1024})$/i.exec(authorization ?? '')?.[1]
  if (bearer !== undefined) return { token: bearer, by: 'header' }
  for (const pair of (cookie ?? '').split(';')) {
    const [name, value] = pair.trim().split('=', 2)
    if (name === SESSION_COOKIE && value) return { token: value, by: 'cookie' }
  }
  return null
}

/** The `Set-Cookie` that hands a browser its session: out of reach of scripts and of other sites. */
export function sessionCookie(token: string, expiresAt: Date, secure: boolean): string {
  return `${SESSION_COOKIE}=${token}; Path=/; HttpOnly; SameSite=Strict; Expires=${expiresAt.toUTCString()}${secure ? '; Secure' : ''}`
}

export function clearedCookie(secure: boolean): string {
  return sessionCookie('', new Date(0), secure)
}
