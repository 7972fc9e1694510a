import { createHash } from 'node:crypto'

/** What the configuration files of the embedded server are made of. */
export interface EmbeddedServerFiles {
  readonly usersFile: string
  readonly logFile: string
  readonly database: string
  readonly memoryBytesMax: number
  readonly writerPassword: string
  readonly readerPassword: string
}

/** Bounds of one read by the reading user; the user can lower them, not raise them. */
export const readerLimits = {
  executionSecondsMax: 10,
  memoryBytesMax: 160 * 1024 * 1024,
  resultRowsMax: 200_000,
  concurrentQueriesMax: 16,
} as const

const MIB = 1024 * 1024
/**
 * Parts that a merge has replaced stay this long: until the system has surely written the merged one to disk, which it
 * does within half a minute. The default of eight minutes keeps many times the size of the data.
 */
const MERGED_PARTS_KEPT_SECONDS = 60

function xml(text: string): string {
  return text.replace(/[<>&"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

/**
 * Small caches and few threads: the store shares a machine with what it watches. Log tables are not configured and so
 * do not exist; asynchronous metrics and the memory worker run once a minute and a second, for idle costs nothing then.
 */
export function renderServerConfig(files: EmbeddedServerFiles): string {
  const settings: Record<string, number> = {
    max_server_memory_usage: files.memoryBytesMax,
    mark_cache_size: 16 * MIB,
    index_mark_cache_size: 4 * MIB,
    primary_index_cache_size: 16 * MIB,
    uncompressed_cache_size: 0,
    index_uncompressed_cache_size: 0,
    compiled_expression_cache_size: 4 * MIB,
    query_condition_cache_size: 4 * MIB,
    mmap_cache_size: 16,
    max_concurrent_queries: 40,
    max_connections: 64,
    max_thread_pool_size: 200,
    max_thread_pool_free_size: 4,
    max_io_thread_pool_size: 8,
    max_active_parts_loading_thread_pool_size: 4,
    max_outdated_parts_loading_thread_pool_size: 2,
    max_parts_cleaning_thread_pool_size: 2,
    background_pool_size: 2,
    background_merges_mutations_concurrency_ratio: 1,
    background_schedule_pool_size: 2,
    background_common_pool_size: 1,
    background_move_pool_size: 1,
    background_fetches_pool_size: 1,
    asynchronous_metrics_update_period_s: 60,
    asynchronous_heavy_metrics_update_period_s: 3600,
    memory_worker_period_ms: 1000,
    keep_alive_timeout: 30,
  }
  const lines = Object.entries(settings).map(([name, value]) => `  <${name}>${value}</${name}>`)
  return `<clickhouse>
  <logger><log>${xml(files.logFile)}</log><size>5M</size><count>2</count></logger>
${lines.join('\n')}
  <merge_tree>
    <old_parts_lifetime>${MERGED_PARTS_KEPT_SECONDS}</old_parts_lifetime>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>
  <user_directories><users_xml><path>${xml(files.usersFile)}</path></users_xml></user_directories>
</clickhouse>
`
}

/**
 * Three users, from loopback only. `default` must stay without password, because the start runs as it: it may open the
 * listener and count numbers, nothing else. `writer` owns the database; `reader` reads it, bounded. Passwords stand
 * here as hashes.
 */
export function renderUsers(files: EmbeddedServerFiles): string {
  const database = xml(files.database)
  const user = (name: string, password: string, profile: string, grants: readonly string[]): string =>
    `    <${name}>${password}<networks><ip>127.0.0.1</ip><ip>::1</ip></networks><profile>${profile}</profile><quota>default</quota><grants>${grants
      .map((grant) => `<query>GRANT ${grant}</query>`)
      .join('')}</grants></${name}>`
  const hashed = (password: string): string =>
    `<password_sha256_hex>${createHash('sha256').update(password).digest('hex')}</password_sha256_hex>`
  const readable = [`SELECT ON ${database}.*`, 'SELECT ON system.parts', 'SELECT ON system.tables']
  const writable = ['SELECT', 'INSERT', 'ALTER', 'CREATE', 'DROP', 'TRUNCATE', 'OPTIMIZE', 'SHOW']
  return `<clickhouse>
  <profiles>
    <default></default>
    <reader>
      <readonly>2</readonly>
      <max_execution_time>${readerLimits.executionSecondsMax}</max_execution_time>
      <max_memory_usage>${readerLimits.memoryBytesMax}</max_memory_usage>
      <max_result_rows>${readerLimits.resultRowsMax}</max_result_rows>
      <max_concurrent_queries_for_user>${readerLimits.concurrentQueriesMax}</max_concurrent_queries_for_user>
      <constraints>
        <max_execution_time><min>1</min><max>${readerLimits.executionSecondsMax}</max></max_execution_time>
        <max_memory_usage><min>1</min><max>${readerLimits.memoryBytesMax}</max></max_memory_usage>
        <max_result_rows><min>1</min><max>${readerLimits.resultRowsMax}</max></max_result_rows>
      </constraints>
    </reader>
  </profiles>
  <quotas><default></default></quotas>
  <users>
${user('default', '<password></password>', 'default', ['SYSTEM LISTEN ON *.*', 'SELECT ON system.numbers'])}
${user('writer', hashed(files.writerPassword), 'default', [
  ...writable.map((right) => `${right} ON ${database}.*`),
  'TABLE ENGINE ON *',
  'SELECT ON system.*',
  'KILL QUERY ON *.*',
])}
${user('reader', hashed(files.readerPassword), 'reader', readable)}
  </users>
</clickhouse>
`
}
