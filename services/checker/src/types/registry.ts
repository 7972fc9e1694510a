import type { CheckTypeName } from '@driftline/checks/types/check-types'
import type { CheckTools, CheckType } from '../check-type.ts'
import { createDnsType } from './dns/dns-type.ts'
import { createFileType } from './file/file-type.ts'
import { createGraphqlType } from './graphql/graphql-type.ts'
import { createLogType } from './log/log-type.ts'
import { createMetricType } from './metric/metric-type.ts'
import { createMqttType } from './mqtt/mqtt-type.ts'
import { createRestType } from './rest/rest-type.ts'
import { createSqlType } from './sql/sql-type.ts'
import { createTcpType } from './tcp/tcp-type.ts'
import { createTlsType } from './tls/tls-type.ts'
import { createWebBrowserType } from './web-browser/web-browser.ts'
import { createWebPageType } from './web-page/web-page-type.ts'

/** Every check type that this checker has. Adding one is its folder, its configuration in `checks`, and a line here. */
export function createCheckTypes(tools: CheckTools): ReadonlyMap<CheckTypeName, CheckType> {
  const types: readonly AnyCheckType[] = [
    createRestType(tools),
    createGraphqlType(tools),
    createWebPageType(tools),
    createWebBrowserType(tools),
    createSqlType(tools),
    createFileType(tools),
    createMqttType(tools),
    createLogType(tools),
    createMetricType(tools),
    createTcpType(tools),
    createDnsType(tools),
    createTlsType(tools),
  ]
  // Configurations are validated by the type's own schema before it runs.
  return new Map(types.map((type) => [type.name, type as CheckType]))
}

type AnyCheckType = { readonly [Name in CheckTypeName]: CheckType<Name> }[CheckTypeName]
