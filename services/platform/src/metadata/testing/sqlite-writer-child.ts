import { pino } from 'pino'
import { systemClock } from '../../clock.ts'
import { createSqliteMetadata } from '../sqlite-metadata.ts'

/**
 * Writes rows into the file given, from the number given, and prints each number once it is acknowledged, for as long
 * as the test that started it lives.
 */
const [file = '', from = '0'] = process.argv.slice(2)
const metadata = createSqliteMetadata({ file }, { logger: pino({ level: 'silent' }), clock: systemClock })
const parent = process.ppid
await metadata.start()
for (let number = Number(from); process.ppid === parent; number++) {
  const row = { tenant: 't', key: String(number), value: 'x'.repeat(number % 5000), updated_at: new Date() }
  const values = { ...row, updated_by: 'system' }
  if (number % 2 === 0) await metadata.db.insertInto('settings').values(values).execute()
  else await metadata.transaction((transaction) => transaction.insertInto('settings').values(values).execute())
  process.stdout.write(`${number}\n`)
}
