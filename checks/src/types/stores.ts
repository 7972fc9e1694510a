import { z } from 'zod'
import { credentialName, judged, scalar, template } from './parts.ts'

export const sqlEngines = ['postgresql', 'mysql', 'sqlserver', 'oracle', 'sqlite'] as const
export type SqlEngine = (typeof sqlEngines)[number]

/** One statement that only reads. `rows`, `value`, `column`, `age` are its facts. */
export const sqlConfig = z
  .strictObject({
    url: template(1000).describe(
      '`postgresql://host:5432/db`, `mysql://host:3306/db` (MariaDB too), `sqlserver://host:1433/db`, `oracle://host:1521/service`, `sqlite:/path/to/file.db`; without user name and password',
    ),
    tls: z.enum(['off', 'on', 'verify']).default('off').describe('`verify` checks the certificate, `on` does not'),
    credential: credentialName.optional(),
    query: z.string().min(1).max(100_000),
    parameters: z.array(scalar).max(100).default([]).describe('In the order of the placeholders of the engine'),
    rowsMax: z.number().int().min(1).max(10_000).default(1000).describe('More rows than this fail the step'),
    ...judged,
  })
  .meta({ id: 'SqlConfig' })
export type SqlConfig = z.infer<typeof sqlConfig>

/** Files and objects. Facts: `exists`, `count`, `size` (bytes), `age` (seconds), `sha256`, `content`, `json`, `line`. */
export const fileConfig = z
  .strictObject({
    url: template(4000).describe(
      '`file:///path` (allowed roots only), `s3://bucket/key`, `sftp://host:22/path`; `*` in the last part takes the newest that matches',
    ),
    endpoint: template(1000).optional().describe('Of S3-compatible storage; Amazon’s without it'),
    region: z.string().max(100).default('us-east-1'),
    credential: credentialName.optional(),
    hostKey: z.string().max(200).optional().describe('Of SFTP: `SHA256:...`; required unless the vault knows it'),
    bytesMax: z
      .number()
      .int()
      .min(1)
      .max(100_000_000)
      .default(10_000_000)
      .describe('Read at most, for content and sum'),
    ...judged,
  })
  .meta({ id: 'FileConfig' })
export type FileConfig = z.infer<typeof fileConfig>
