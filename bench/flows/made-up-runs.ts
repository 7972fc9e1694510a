import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'

export const FLOWS = 200
export const STEPS = 6
/** Days that the runs are spread over. */
export const DAYS = 28
/** The store of a bench has little memory. */
const CHUNK = 20_000

export const flowOf = (index: number): string => `flow:process-${index}`
/** Text that occurs in one run only: the number of its invoice. */
export const invoiceOf = (run: number): string => `INV-${run}`

const common = (nowMs: number, runs: number): string => `
  'default' AS tenant,
  concat('flow:process-', toString(number % ${FLOWS})) AS process,
  fromUnixTimestamp64Milli(toInt64(${nowMs} - ${DAYS * 86_400_000} * (1 - (number + 1) / ${runs})), 'UTC') AS requested_time,
  lower(hex(cityHash64(number, 1))) || lower(hex(cityHash64(number, 2))) AS run,
  9 AS revision,
  -- One run in twenty fails, in the step that its number says.
  if(number % 20 = 7, 4, 3)::Int8 AS run_status,
  1 + intDiv(number, 20) % ${STEPS} AS failing,
  requested_time + toIntervalMillisecond(40) AS start_time`

const RUN_COLUMNS = `tenant, process, requested_time, run, revision, status, trigger, initiated_by, initiated_by_name,
  flow_name, flow_version, step_count, current_step, start_time, end_time, execution_time, message, correlation, lines,
  words`

const STEP_COLUMNS = `tenant, process, step_number, requested_time, run, revision, key, name, check_type, target, status,
  attempt, attempts_max, start_time, end_time, execution_time, reason, error_message, hint, result, values, attempts,
  has_evidence, lines`

function runsSql(nowMs: number, runs: number, from: number, to: number): string {
  return `INSERT INTO runs (${RUN_COLUMNS})
    WITH number AS n, 0.4 + (cityHash64(n) % 1000) / 2000 AS seconds,
      if(run_status = 4, concat('Step ', toString(failing), ': status was ', toString(500 + n % 5), ', expected 200'), '')
        AS said
    SELECT tenant, process, requested_time, run, revision, run_status AS status, 1 + (n % 2) AS trigger,
      'schedule' AS initiated_by, if(n % 2 = 0, 'admin', 'schedule') AS initiated_by_name,
      concat('Process ', toString(n % ${FLOWS})) AS flow_name, 1 AS flow_version, ${STEPS} AS step_count,
      if(run_status = 4, failing, ${STEPS}) AS current_step, start_time,
      start_time + toIntervalMillisecond(toInt64(seconds * 1000)) AS end_time, seconds AS execution_time,
      said AS message, '' AS correlation, [] AS lines,
      lower(concat(said, '\\n', flow_name, '\\n', initiated_by_name, '\\nSign in\\nPOST crm.example/login\\nFind the customer',
        '\\nGET crm.example/customers\\nInvoice\\ndb.example/erp\\nCash booked\\nGET erp.example/ledger\\nINV-',
        toString(n), '\\nC-', toString(n % 40000), '\\nINR ', toString(n % 100000))) AS words
    FROM (SELECT number, ${common(nowMs, runs)} FROM numbers(${from}, ${to - from}))
    SETTINGS max_insert_threads = 1, max_threads = 1`
}

function stepsSql(nowMs: number, runs: number, from: number, to: number): string {
  return `INSERT INTO run_steps (${STEP_COLUMNS})
    WITH number AS n, (run_status = 4 AND step = failing) AS failed, (run_status = 4 AND step > failing) AS skipped,
      0.05 + (cityHash64(n, step) % 1000) / 10000 AS seconds,
      start_time + toIntervalMillisecond(80 * (step - 1)) AS begun
    SELECT tenant, process, step AS step_number, requested_time, run, revision, concat('step_', toString(step)) AS key,
      concat('Step ', toString(step)) AS name, 'rest' AS check_type, 'GET crm.example/v2/customers' AS target,
      if(failed, 4, if(skipped, 7, 3))::Int8 AS status, if(skipped, 0, 1) AS attempt, 4 AS attempts_max,
      if(skipped, NULL, begun) AS start_time,
      if(skipped, NULL, begun + toIntervalMillisecond(toInt64(seconds * 1000))) AS end_time,
      if(skipped, NULL, seconds) AS execution_time, if(failed, 'status_unexpected', '') AS reason,
      if(failed, concat('status was ', toString(500 + n % 5), ', expected 200'), '') AS error_message,
      if(failed, 'Look at the log of the service', '') AS hint,
      if(skipped, '', concat('{"status":200,"latency":', toString(seconds), ',"json":{"invoice":"INV-', toString(n), '"}}'))
        AS result,
      if(skipped, [], [('invoice', concat('INV-', toString(n)), 0)]) AS values,
      if(skipped, [], [(1, if(failed, 4, 3), toUnixTimestamp64Milli(begun), seconds, reason, error_message)]) AS attempts,
      failed AS has_evidence,
      if(skipped, [], [(1, toUnixTimestamp64Milli(begun), 0.001, 'info', 'GET crm.example/v2/customers'),
        (1, toUnixTimestamp64Milli(begun) + 50, 0.05, 'info', 'answered 200 with 1,204 bytes')]) AS lines
    FROM (SELECT number, arrayJoin(range(1, ${STEPS + 1})) AS step, ${common(nowMs, runs)}
      FROM numbers(${from}, ${to - from}))
    SETTINGS max_insert_threads = 1, max_threads = 1, max_block_size = 20000`
}

/** Fills the store with ended runs of flows with six steps each, made in the store itself. */
export async function storeRuns(store: Pick<AnalyticsStore, 'execute'>, runs: number, nowMs: number): Promise<void> {
  for (let from = 0; from < runs; from += CHUNK) {
    const to = Math.min(runs, from + CHUNK)
    await untilDone(() => store.execute(runsSql(nowMs, runs, from, to)))
    await untilDone(() => store.execute(stepsSql(nowMs, runs, from, to)))
  }
}

/** Merges may hold the memory for a moment; what is inserted twice replaces itself. */
async function untilDone(work: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await work()
      return
    } catch (error) {
      if (tries === 20) throw error
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  }
}
