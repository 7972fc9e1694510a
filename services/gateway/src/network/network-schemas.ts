import { networkPolicy } from '@driftline/checks/network-policy'
import { z } from 'zod'
import { isoTime } from '../schemas/common.ts'

export const networkSettingsAnswer = z
  .object({
    policy: networkPolicy,
    version: z.number().int().describe('0 while nobody has set one: then the defaults hold'),
    presetNetworks: z
      .array(z.string())
      .describe('Allowed besides, by DRIFTLINE_ALLOWED_PRIVATE_NETWORKS or `allowed_private_networks`'),
    updatedAt: isoTime.nullable(),
    updatedBy: z.string().nullable(),
  })
  .meta({ id: 'NetworkSettings' })

export const networkSettingsBody = z
  .object({
    policy: z
      .record(z.string(), z.unknown())
      .describe('Of the shape of NetworkPolicy; what is left out has its default'),
    version: z
      .number()
      .int()
      .min(0)
      .optional()
      .describe('The one that was read: refused when it is no longer the newest'),
  })
  .strict()
  .meta({ id: 'NetworkSettingsBody' })
