import { describeWithServer, type RealServer } from '@driftline/platform/testing/real-servers'

/** A suite that needs several real servers; `url` answers where one of them is, once a test or a hook asks. */
export function describeWithServers<Name extends RealServer>(
  [first, ...others]: readonly Name[],
  title: string,
  suite: (url: (name: Name) => string) => void,
  known: ReadonlyMap<Name, () => { url: string }> = new Map(),
): void {
  if (first === undefined) {
    suite((name) => known.get(name)?.().url ?? '')
    return
  }
  const isLast = others.length === 0
  describeWithServer(first, isLast ? title : `with ${first}`, (server) =>
    describeWithServers(others, title, suite, new Map(known).set(first, server)),
  )
}
