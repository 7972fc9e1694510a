import { z } from 'zod'

const network = z
  .union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], { error: 'must be an address or a network such as 10.0.0.0/8' })
  .describe('Address or network in CIDR notation')

const hostPattern = z.string().min(1).max(253).describe('Host name; `*.example.com` for all below')

/** Where checks and polls of a tenant may connect to beside public addresses, and how often. Administrators set it. */
export const networkPolicy = z
  .strictObject({
    allowedNetworks: z.array(network).max(200).default([]).describe('Private networks that may be reached'),
    ownHosts: z.array(hostPattern).max(200).default([]).describe('Hosts of one’s own: their robots.txt is not asked'),
    hosts: z
      .array(
        z.strictObject({
          host: hostPattern,
          requestsPerSecond: z.number().positive().max(10_000).default(10),
          concurrent: z.number().int().min(1).max(1000).default(4),
        }),
      )
      .max(200)
      .default([])
      .describe('Limits of single hosts; the first that matches holds'),
    requestsPerSecond: z.number().positive().max(10_000).default(10).describe('Of any other host'),
    concurrent: z.number().int().min(1).max(1000).default(4).describe('Of any other host'),
  })
  .meta({ id: 'NetworkPolicy' })

export type NetworkPolicy = z.infer<typeof networkPolicy>
