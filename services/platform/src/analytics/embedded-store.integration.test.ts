import { describeAnalyticsStore } from './analytics-store.contract.ts'
import { identityOf } from './child-record.ts'
import { startTestStore } from './testing/store-test-kit.ts'

describeAnalyticsStore('the analytics store on the embedded server', async () => {
  const { store, server, end } = await startTestStore()
  return {
    store,
    end,
    endpoint: server.endpoint,
    async crash() {
      const pid = server.childPid()
      if (pid === null) throw new Error('the server under test is away already')
      process.kill(pid, 'SIGKILL')
      while (identityOf(pid) !== null) await new Promise((resolve) => setTimeout(resolve, 5))
    },
    restart: async () => {},
  }
})
