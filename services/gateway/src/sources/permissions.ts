import type { SourceKind } from '@driftline/ingest/definitions/source'
import type { Principal } from '@driftline/platform/access/permissions'
import { ProblemError } from '../http/problems.ts'

/**
 * Files of the server may hold what an operator may not see, and a preview shows them: such sources are for those who
 * run the server. Errors: 403.
 */
export function refuseFilesTo(principal: Principal, kind: SourceKind): void {
  if (kind !== 'file' || principal.permissions.has('sources:files')) return
  throw new ProblemError(
    403,
    'forbidden',
    `Sources of files need the permission sources:files, which the role ${principal.role} lacks: they show what is in files of the server`,
  )
}
