import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { AwsClient } from 'aws4fetch'
import Database from 'libsql'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'

/** One order, as every store of a shop knows it; who reads it comes with a password where there is one to be had. */
export interface StoredOrder {
  readonly id: string
  /** Handed over with the goods: a secret that one store gives and another one knows. */
  readonly pickupCode: string
  readonly reader: { readonly username: string; readonly password: string }
}

/** Makes a database of its own with the table `orders`, and answers its address for a step. */
export async function keepInPostgres(server: string, database: string, order: StoredOrder): Promise<string> {
  const at = new URL(server)
  const place = { host: at.hostname, port: Number(at.port), user: at.username }
  const { username, password } = order.reader
  const run = async (name: string, statements: (client: pg.Client) => Promise<unknown>): Promise<void> => {
    const client = new pg.Client({ ...place, database: name })
    await client.connect()
    await statements(client)
    await client.end()
  }
  await run('postgres', async (client) => {
    await client.query(`CREATE ROLE ${username} LOGIN PASSWORD '${password}'`)
    await client.query(`CREATE DATABASE ${database}`)
  })
  await run(database, async (client) => {
    await client.query(`CREATE TABLE orders (id text, pickup_code text); GRANT SELECT ON orders TO ${username}`)
    await client.query('INSERT INTO orders VALUES ($1, $2)', [order.id, order.pickupCode])
  })
  return `postgresql://${at.host}/${database}`
}

/** The same in MariaDB. */
export async function keepInMariadb(server: string, database: string, order: StoredOrder): Promise<string> {
  const at = new URL(server)
  const { username, password } = order.reader
  const client = await createConnection({ host: at.hostname, port: Number(at.port), user: at.username })
  await client.query(`CREATE DATABASE ${database}`)
  await client.query(`CREATE TABLE ${database}.orders (id varchar(50), pickup_code varchar(100))`)
  await client.query(`INSERT INTO ${database}.orders VALUES (?, ?)`, [order.id, order.pickupCode])
  await client.query(`CREATE USER ${username}@'%' IDENTIFIED BY '${password}'`)
  await client.query(`GRANT SELECT ON ${database}.* TO ${username}@'%'`)
  await client.end()
  return `mysql://${at.host}/${database}`
}

/** The same in a file of SQLite. */
export function keepInSqlite(path: string, order: StoredOrder): string {
  const database = new Database(path)
  database.exec('CREATE TABLE orders (id text, pickup_code text)')
  database.prepare('INSERT INTO orders VALUES (?, ?)').run(order.id, order.pickupCode)
  database.close()
  return `sqlite:${path}`
}

/** Puts `<order>.json` into a bucket, and answers the bucket's address, its endpoint and a credential's fields. */
export async function keepInS3(server: string, bucket: string, order: StoredOrder) {
  const at = new URL(server)
  const fields = { accessKeyId: at.username, secretAccessKey: at.password }
  const client = new AwsClient({ ...fields, service: 's3', region: 'us-east-1' })
  const put = async (path: string, body?: string): Promise<void> => {
    const init = { method: 'PUT', ...(body === undefined ? {} : { body }) }
    const answer = await client.fetch(`${at.origin}/${path}`, init)
    if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}`)
  }
  await put(bucket)
  await put(`${bucket}/${order.id}.json`, documentOf(order))
  return { url: `s3://${bucket}`, endpoint: at.origin, fields }
}

/** Puts the same below the directory that the server shows, and answers how to take it away again. */
export function keepInSftp(server: string, directory: string, order: StoredOrder) {
  const at = new URL(server)
  const path = `${at.pathname}/${directory}`
  mkdirSync(path)
  writeFileSync(`${path}/${order.id}.json`, documentOf(order))
  return {
    url: `sftp://${at.host}${path}`,
    username: at.username,
    hostKey: at.searchParams.get('hostKey') ?? '',
    keyFile: at.searchParams.get('key') ?? '',
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}

const documentOf = ({ id }: StoredOrder): string => JSON.stringify({ id, state: 'packed' })
