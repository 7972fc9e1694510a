import { randomUUID } from 'node:crypto'
import pg from 'pg'

/** Makes an empty database on a server that tests share; answers its URL. */
export async function createTestDatabase(serverUrl: string): Promise<string> {
  const client = new pg.Client(serverUrl)
  await client.connect()
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await client.query(`create database ${name}`)
  await client.end()
  const url = new URL(serverUrl)
  url.pathname = name
  return url.href
}
