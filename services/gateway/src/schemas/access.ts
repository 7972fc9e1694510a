import { z } from 'zod'
import { isoTime } from './common.ts'

export const role = z.enum(['viewer', 'operator', 'admin'])

export const keyRole = z
  .enum(['viewer', 'operator', 'admin', 'ingest'])
  .describe('A role, or `ingest`, which may only send data')

export const credentials = z
  .object({ username: z.string().min(1).max(200), password: z.string().min(1).max(1024) })
  .strict()
  .meta({ id: 'Credentials' })

export const currentUser = z
  .object({
    kind: z.enum(['user', 'api-key']),
    userId: z.string().nullable().describe('Null for an API key'),
    username: z.string().describe('Name of the user, or of the API key'),
    role: keyRole,
    tenant: z.string(),
    permissions: z.array(z.string()),
  })
  .meta({ id: 'CurrentUser' })

export const session = z
  .object({
    token: z.string().describe('For `Authorization: Bearer`; browsers use the cookie'),
    expiresAt: isoTime,
    user: currentUser,
  })
  .meta({ id: 'Session' })

export const currentSession = z
  .object({ expiresAt: isoTime.nullable(), user: currentUser })
  .meta({ id: 'CurrentSession' })

export const user = z
  .object({
    id: z.string(),
    username: z.string(),
    role,
    active: z.boolean(),
    createdAt: isoTime,
    lastSignInAt: isoTime.nullable(),
  })
  .meta({ id: 'User' })

const username = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$/, 'must be 1 to 100 letters, digits, dots, dashes, underscores or @')
export const newPassword = z.string().min(10, 'must have at least 10 characters').max(1024)

export const userCreate = z.object({ username, password: newPassword, role }).strict().meta({ id: 'UserCreate' })
export const userPatch = z
  .object({ role, active: z.boolean(), password: newPassword })
  .partial()
  .strict()
  .refine((patch) => Object.keys(patch).length > 0, { message: 'must change at least one field' })
  .meta({ id: 'UserPatch' })
export const passwordChange = z
  .object({ currentPassword: z.string().min(1).max(1024), newPassword })
  .strict()
  .meta({ id: 'PasswordChange' })

export const apiKey = z
  .object({
    id: z.string(),
    name: z.string(),
    role: keyRole,
    prefix: z.string().describe('First characters of the key, to tell keys apart'),
    createdBy: z.string(),
    createdAt: isoTime,
    lastUsedAt: isoTime.nullable(),
    revokedAt: isoTime.nullable(),
  })
  .meta({ id: 'ApiKey' })
export const apiKeyCreate = z
  .object({
    name: z.string().trim().min(1).max(100),
    role: keyRole,
  })
  .strict()
  .meta({ id: 'ApiKeyCreate' })
export const apiKeyCreated = apiKey
  .extend({ key: z.string().describe('Shown this once') })
  .meta({ id: 'ApiKeyCreated' })

export const auditEntry = z
  .object({
    id: z.string(),
    time: isoTime,
    actor: z.string().describe('`user:<id>`, `key:<id>` or `system`'),
    action: z.string(),
    subject: z.string(),
    detail: z.unknown(),
  })
  .meta({ id: 'AuditEntry' })

export const idParam = z.object({ id: z.string().min(1).max(100) })
