import type { FirstAdmin } from '@driftline/platform/access/first-admin'

/** What a person reads once everything runs: where to go, and at the first start how to get in. */
export function welcome(address: string, firstAdmin: FirstAdmin | null, startMs: number): string {
  const lines = ['', `  Driftline is ready at ${address}`]
  if (firstAdmin?.password) {
    lines.push('', `  User      ${firstAdmin.username}`, `  Password  ${firstAdmin.password}`)
    lines.push('', '  This password is shown once. Change it under Settings.')
  } else if (firstAdmin) lines.push(`  Sign in as ${firstAdmin.username} with the password that you set.`)
  lines.push('', `  Started in ${(startMs / 1000).toFixed(1)} s. Ctrl C stops it.`, '', '')
  return lines.join('\n')
}
