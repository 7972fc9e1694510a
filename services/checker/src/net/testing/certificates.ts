import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface KeyAndCertificate {
  readonly key: string
  readonly cert: string
}

export interface Certificates {
  /** Certificate of the authority that signed all but `selfSigned`. */
  readonly authority: string
  /** For 127.0.0.1 and crm.example, 90 days. */
  readonly good: KeyAndCertificate
  /** Expires in 5 days. */
  readonly soon: KeyAndCertificate
  /** Ended when it was made: not every openssl makes one of the past. */
  readonly expired: KeyAndCertificate
  /** For other.example only. */
  readonly otherHost: KeyAndCertificate
  readonly selfSigned: KeyAndCertificate
  readonly client: KeyAndCertificate
}

/** Makes an authority and certificates of it with openssl, in a directory that is gone afterwards. */
export function makeCertificates(): Certificates {
  const directory = mkdtempSync(join(tmpdir(), 'driftline-certificates-'))
  const at = (name: string): string => join(directory, name)
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: 'ignore' })
  }
  const read = (name: string): KeyAndCertificate => ({
    key: readFileSync(at(`${name}.key`), 'utf8'),
    cert: readFileSync(at(`${name}.pem`), 'utf8'),
  })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const signedByItself = (name: string, names: string[]): KeyAndCertificate => {
    openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      at(`${name}.key`),
      '-out',
      at(`${name}.pem`),
      '-subj',
      `/CN=${name}`,
      ...names,
    )
    return read(name)
  }
  const sign = (name: string, extension: string, days: number): KeyAndCertificate => {
    const request = ['-keyout', at(`${name}.key`), '-out', at(`${name}.csr`), '-subj', `/CN=${name}`]
    openssl('req', ...key, ...request, '-addext', extension)
    const by = ['-CA', at('authority.pem'), '-CAkey', at('authority.key'), '-CAcreateserial', '-days', String(days)]
    openssl('x509', '-req', '-in', at(`${name}.csr`), ...by, '-out', at(`${name}.pem`), '-copy_extensions', 'copy')
    return read(name)
  }
  try {
    const authority = signedByItself('authority', []).cert
    const names = 'subjectAltName=IP:127.0.0.1,DNS:crm.example'
    return {
      authority,
      good: sign('good', names, 90),
      soon: sign('soon', names, 5),
      expired: sign('expired', names, 0),
      otherHost: sign('otherHost', 'subjectAltName=DNS:other.example', 90),
      selfSigned: signedByItself('selfSigned', ['-addext', names]),
      client: sign('client', 'extendedKeyUsage=clientAuth', 90),
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
