-- Runs of business processes that have ended. Bodies of RunEvent go into runs_in, which keeps nothing; only the last
-- event of a run, which holds all of it, makes rows. Rows of a run, here and in run_steps, carry the time when it was
-- asked for: it never changes, so an end that is told twice replaces itself, and lists page by it. Read without
-- use_top_k_dynamic_filtering, which loses rows that the index of words found.
CREATE TABLE IF NOT EXISTS runs
(
    tenant LowCardinality(String),
    process LowCardinality(String),
    requested_time DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    run String CODEC(ZSTD(1)),
    revision UInt32,
    status Enum8('unspecified' = 0, 'pending' = 1, 'running' = 2, 'success' = 3, 'failed' = 4, 'timeout' = 5,
        'cancelled' = 6, 'skipped' = 7, 'interrupted' = 8),
    trigger Enum8('unspecified' = 0, 'button' = 1, 'schedule' = 2, 'event' = 3, 'api' = 4),
    initiated_by LowCardinality(String),
    initiated_by_name LowCardinality(String),
    flow_name LowCardinality(String),
    flow_version UInt32,
    step_count UInt32,
    current_step UInt32,
    -- Null when it never began.
    start_time Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    end_time DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    -- Seconds.
    execution_time Nullable(Float64) CODEC(ZSTD(1)),
    message String CODEC(ZSTD(1)),
    correlation String CODEC(ZSTD(1)),
    -- Lines that belong to no step.
    lines Array(Tuple(attempt UInt32, time_ms Int64, elapsed Float64, level String, text String)) CODEC(ZSTD(1)),
    -- What a search looks at, a line each, in lower case: message, flow, who, names, targets and errors of steps, and
    -- values that are no secrets.
    words String CODEC(ZSTD(1)),
    INDEX run_ids run TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX run_words words TYPE text(tokenizer = splitByNonAlpha)
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(requested_time)
ORDER BY (tenant, requested_time, run)
TTL toDateTime(requested_time) + toIntervalSecond(${data_retention_seconds})
SETTINGS materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 20000,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60, index_granularity = 1024;

-- A row per step, in the order in which trends read them. Granules are small: the steps of one run are read, too.
CREATE TABLE IF NOT EXISTS run_steps
(
    tenant LowCardinality(String),
    process LowCardinality(String),
    step_number UInt32 CODEC(ZSTD(1)),
    requested_time DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    run String CODEC(ZSTD(1)),
    revision UInt32,
    key LowCardinality(String),
    name LowCardinality(String),
    check_type LowCardinality(String),
    target LowCardinality(String),
    status Enum8('unspecified' = 0, 'pending' = 1, 'running' = 2, 'success' = 3, 'failed' = 4, 'timeout' = 5,
        'cancelled' = 6, 'skipped' = 7, 'interrupted' = 8),
    attempt UInt32,
    attempts_max UInt32,
    start_time Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    end_time Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    -- Seconds; null for a step that was not reached.
    execution_time Nullable(Float64) CODEC(ZSTD(1)),
    reason LowCardinality(String),
    error_message String CODEC(ZSTD(1)),
    hint String CODEC(ZSTD(1)),
    -- A JSON object, or empty.
    result String CODEC(ZSTD(1)),
    values Array(Tuple(name String, value String, secret UInt8)) CODEC(ZSTD(1)),
    attempts Array(Tuple(attempt UInt32, status Int32, start_ms Int64, execution_time Float64, reason String,
        error_message String)) CODEC(ZSTD(1)),
    has_evidence UInt8,
    lines Array(Tuple(attempt UInt32, time_ms Int64, elapsed Float64, level String, text String)) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(requested_time)
ORDER BY (tenant, process, step_number, requested_time, run)
TTL toDateTime(requested_time) + toIntervalSecond(${data_retention_seconds})
SETTINGS materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 20000,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60, index_granularity = 1024;

CREATE TABLE IF NOT EXISTS runs_in
(
    tenant String,
    process String,
    run String,
    revision UInt32,
    time_ms Int64,
    status Int32,
    trigger Int32,
    initiated_by String,
    initiated_by_name String,
    flow_name String,
    flow_version UInt32,
    step_count UInt32,
    current_step UInt32,
    requested_ms Int64,
    start_ms Int64,
    end_ms Int64,
    execution_time Float64,
    message String,
    correlation String,
    steps Array(Tuple(
        number UInt32,
        key String,
        name String,
        check_type String,
        target String,
        status Int32,
        attempt UInt32,
        attempts_max UInt32,
        start_ms Int64,
        end_ms Int64,
        execution_time Float64,
        reason String,
        error_message String,
        hint String,
        result String,
        values Array(Tuple(name String, value String, secret UInt8)),
        attempts Array(Tuple(attempt UInt32, status Int32, start_ms Int64, execution_time Float64, reason String,
            error_message String)),
        has_evidence UInt8
    )),
    lines Array(Tuple(step_number UInt32, attempt UInt32, time_ms Int64, elapsed Float64, level String, text String))
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS runs_view TO runs AS
SELECT
    tenant,
    process,
    fromUnixTimestamp64Milli(requested_ms, 'UTC') AS requested_time,
    run,
    revision,
    if(status BETWEEN 0 AND 8, status, 0)::Int8 AS status,
    if(trigger BETWEEN 0 AND 4, trigger, 0)::Int8 AS trigger,
    initiated_by,
    initiated_by_name,
    flow_name,
    flow_version,
    step_count,
    current_step,
    if(start_ms = 0, NULL, fromUnixTimestamp64Milli(start_ms, 'UTC')) AS start_time,
    fromUnixTimestamp64Milli(end_ms, 'UTC') AS end_time,
    if(start_ms = 0 OR NOT isFinite(execution_time), NULL, execution_time) AS execution_time,
    message,
    correlation,
    arrayMap(line -> (line.attempt, line.time_ms, line.elapsed, line.level, line.text),
        arrayFilter(line -> line.step_number = 0, lines)) AS lines,
    lowerUTF8(arrayStringConcat(arrayFilter(text -> text != '', arrayConcat(
        [message, flow_name, initiated_by_name, correlation],
        arrayFlatten(arrayMap(step -> [step.name, step.error_message, step.reason, step.target], steps)),
        arrayFlatten(arrayMap(step -> arrayMap(each -> each.value,
            arrayFilter(each -> NOT each.secret, step.values)), steps)))), '\n')) AS words
FROM runs_in
WHERE end_ms > 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS run_steps_view TO run_steps AS
SELECT
    tenant,
    process,
    step.number AS step_number,
    fromUnixTimestamp64Milli(requested_ms, 'UTC') AS requested_time,
    run,
    revision,
    step.key AS key,
    step.name AS name,
    step.check_type AS check_type,
    step.target AS target,
    if(step.status BETWEEN 0 AND 8, step.status, 0)::Int8 AS status,
    step.attempt AS attempt,
    step.attempts_max AS attempts_max,
    if(step.start_ms = 0, NULL, fromUnixTimestamp64Milli(step.start_ms, 'UTC')) AS start_time,
    if(step.end_ms = 0, NULL, fromUnixTimestamp64Milli(step.end_ms, 'UTC')) AS end_time,
    if(step.start_ms = 0 OR NOT isFinite(step.execution_time), NULL, step.execution_time) AS execution_time,
    step.reason AS reason,
    step.error_message AS error_message,
    step.hint AS hint,
    step.result AS result,
    step.values AS values,
    step.attempts AS attempts,
    step.has_evidence AS has_evidence,
    arrayMap(line -> (line.attempt, line.time_ms, line.elapsed, line.level, line.text),
        arrayFilter(line -> line.step_number = step.number, run_lines)) AS lines
FROM (SELECT * EXCEPT (lines, status, execution_time, start_ms, end_ms), lines AS run_lines FROM runs_in WHERE end_ms > 0)
ARRAY JOIN steps AS step;

-- Bodies of answers and screenshots of steps that failed, for people who may see them; kept for a week.
CREATE TABLE IF NOT EXISTS run_evidence
(
    tenant LowCardinality(String),
    process LowCardinality(String),
    run String,
    step_number UInt32,
    attempt UInt32,
    kind LowCardinality(String),
    time DateTime64(3, 'UTC'),
    media_type LowCardinality(String),
    content String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(time)
ORDER BY (tenant, run, step_number, attempt, kind)
TTL toDateTime(time) + toIntervalDay(7)
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 20000,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60, index_granularity = 64;

CREATE TABLE IF NOT EXISTS run_evidence_in
(
    tenant String,
    process String,
    run String,
    step_number UInt32,
    attempt UInt32,
    time_ms Int64,
    kind String,
    media_type String,
    content String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS run_evidence_view TO run_evidence AS
SELECT
    tenant, process, run, step_number, attempt, kind, fromUnixTimestamp64Milli(time_ms, 'UTC') AS time, media_type,
    content
FROM run_evidence_in;
