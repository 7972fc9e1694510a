import { z } from 'zod'
import { judged, template } from './parts.ts'

const host = template(255)
const port = z.number().int().min(1).max(65_535)

/** A connection that is made, and what answers. Facts: `banner` (what it says first), `latency` (ms). */
export const tcpConfig = z
  .strictObject({
    host,
    port,
    send: z.string().max(10_000).optional(),
    readBytes: z.number().int().min(0).max(65_536).default(0).describe('Wait for an answer of at most so many bytes'),
    ...judged,
  })
  .meta({ id: 'TcpConfig' })
export type TcpConfig = z.infer<typeof tcpConfig>

/** Facts: `records` (sorted, joined by a comma and a space), `count`, `latency` (ms). */
export const dnsConfig = z
  .strictObject({
    name: host,
    type: z.enum(['A', 'AAAA', 'CNAME', 'MX', 'NS', 'TXT', 'SRV', 'CAA']).default('A'),
    server: z.string().max(255).optional().describe('Address, or address:port, of the name server to ask'),
    ...judged,
  })
  .meta({ id: 'DnsConfig' })
export type DnsConfig = z.infer<typeof dnsConfig>

/** A certificate. Facts: `days_left`, `issuer`, `subject`, `names`, `protocol`, `trusted`, `fingerprint`. */
export const tlsConfig = z
  .strictObject({
    host,
    port: port.default(443),
    serverName: host.optional().describe('Sent as SNI; the host without it'),
    daysLeftMin: z.number().min(0).max(3650).default(14),
    trusted: z.boolean().default(true).describe('The chain must be one that is trusted here'),
    ...judged,
  })
  .meta({ id: 'TlsConfig' })
export type TlsConfig = z.infer<typeof tlsConfig>
