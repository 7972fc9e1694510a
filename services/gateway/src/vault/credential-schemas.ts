import { credentialKinds } from '@driftline/checks/vault/credential-kinds'
import { z } from 'zod'
import { isoTime, listOf } from '../schemas/common.ts'

export const credentialKind = z.enum(Object.keys(credentialKinds) as [keyof typeof credentialKinds])

const hosts = z
  .array(z.string().min(1).max(300))
  .max(50)
  .describe('Hosts that may see it: `crm.example`, or `*.crm.example` for all below')

const fields = z
  .record(z.string().max(100), z.string().max(200_000).nullable())
  .describe('Fields of its kind; null takes one away')

/** What everybody who defines flows may know: enough to name a credential in a step. */
const credentialName = z.object({ name: z.string(), kind: credentialKind, hosts })

export const credential = credentialName
  .extend({
    about: z.string(),
    shown: z.record(z.string(), z.string()).describe('Fields that are no secrets'),
    secretsSet: z
      .array(z.string())
      .describe('Names of the secret fields that are set; no answer ever has their values'),
    readable: z.boolean().describe('False when the key that it was sealed with is gone: type it again'),
    usedBy: z.array(z.object({ type: z.enum(['flow', 'source']), id: z.string(), name: z.string() })),
    version: z.number().int(),
    createdAt: isoTime,
    updatedAt: isoTime,
    updatedBy: z.string(),
    lastUsedAt: isoTime.nullable().describe('At most a minute behind'),
  })
  .meta({ id: 'Credential' })
export type CredentialItem = z.infer<typeof credential>

/** With `credentials:write` whole; without it name, kind and hosts. */
export const credentialItem = credentialName
  .extend(credential.omit({ name: true, kind: true, hosts: true }).partial().shape)
  .meta({ id: 'CredentialItem' })
export const credentialList = listOf(credentialItem)

export const credentialParam = z.object({ name: z.string().min(1).max(100) })

export const credentialCreate = z
  .object({
    name: z.string().min(1).max(100),
    kind: credentialKind,
    hosts,
    about: z.string().max(1000).optional(),
    fields,
  })
  .strict()
  .meta({ id: 'CredentialCreate' })

export const credentialChange = z
  .object({
    hosts: hosts.optional(),
    about: z.string().max(1000).optional(),
    fields: fields.optional().describe('Secret fields that are left out stay as they are'),
    version: z.number().int().optional().describe('The one that was read: refused when it is no longer the newest'),
  })
  .strict()
  .meta({ id: 'CredentialChange' })

export const removeQuery = z.object({
  force: z.enum(['true', 'false']).optional().describe('Also when flows or sources name it'),
})

export const rotation = z
  .object({
    key: z
      .enum(['made', 'resumed', 'configured'])
      .describe('Of the installation: a new one was made, one of before went on, or people set it'),
    sources: z.number().int().describe('Sealed anew'),
    requests: z.number().int(),
    dataKeys: z.number().int(),
    credentials: z.number().int(),
    unreadable: z.number().int().describe('No key here opens them; they were left as they are'),
    previousKeys: z.number().int().describe('Keys of before in the settings; nothing needs them any more'),
  })
  .meta({ id: 'KeyRotation' })
