-- Lines of logs. Bodies of LogBatch go into logs_in, which keeps nothing: the view makes one row per line. `ordinal`
-- grows in the order in which lines of a process were stored, so that lines of one moment keep their order. The index
-- has the words of each line in lower case; inserts leave it to merges (see insert-settings.ts). Granules are small,
-- because a rare word is in a line here and there, and a line is read with its granule.
CREATE TABLE IF NOT EXISTS logs
(
    tenant LowCardinality(String),
    process LowCardinality(String),
    ts DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    ordinal UInt64 CODEC(Delta(8), ZSTD(1)),
    source LowCardinality(String),
    origin LowCardinality(String),
    severity UInt8 CODEC(ZSTD(1)),
    pattern UInt64 CODEC(ZSTD(1)),
    body String CODEC(ZSTD(1)),
    -- A JSON object; empty when there are no fields or the body is that object.
    attributes String CODEC(ZSTD(1)),
    INDEX body_words body TYPE text(tokenizer = splitByNonAlpha, preprocessor = lower(body))
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(ts)
ORDER BY (tenant, process, ts)
TTL toDateTime(ts) + toIntervalSecond(${log_retention_seconds})
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 20000,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60,
    index_granularity = 1024;

CREATE TABLE IF NOT EXISTS logs_in
(
    tenant String,
    process String,
    source String,
    base_time_ms Int64,
    time_offset_ms Array(Int32),
    severity Array(UInt32),
    body Array(String),
    attributes Array(String),
    pattern Array(UInt64),
    origin Array(UInt32),
    origins Array(String)
)
ENGINE = Null;

-- An origin's text is looked up before the arrays are exploded, so that the list is not copied for every line.
-- Snowflake ids are 41 bits of milliseconds, then a counter: they rise from row to row and from insert to insert.
CREATE MATERIALIZED VIEW IF NOT EXISTS logs_view TO logs AS
SELECT
    tenant,
    process,
    fromUnixTimestamp64Milli(base_time_ms + offset_ms, 'UTC') AS ts,
    generateSnowflakeID(offset_ms) AS ordinal,
    source,
    from_origin AS origin,
    least(level_number, 24)::UInt8 AS severity,
    template AS pattern,
    line AS body,
    fields AS attributes
FROM
(
    SELECT
        tenant, process, source, base_time_ms, time_offset_ms AS offsets, severity AS level_numbers, body AS lines,
        attributes AS field_texts, pattern AS templates, arrayMap(each -> origins[each + 1], origin) AS from_origins
    FROM logs_in
)
ARRAY JOIN offsets AS offset_ms, level_numbers AS level_number, lines AS line, field_texts AS fields,
    templates AS template, from_origins AS from_origin;

-- Templates that lines follow, as they were first seen; told again by a source that forgot them. Kept for ever: a
-- template that never changes is never told again.
CREATE TABLE IF NOT EXISTS log_patterns
(
    tenant LowCardinality(String),
    process String,
    id UInt64,
    template SimpleAggregateFunction(any, String) CODEC(ZSTD(1)),
    example SimpleAggregateFunction(any, String) CODEC(ZSTD(1)),
    severity SimpleAggregateFunction(any, UInt8),
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    learning SimpleAggregateFunction(max, UInt8)
)
ENGINE = AggregatingMergeTree
ORDER BY (tenant, process, id)
SETTINGS non_replicated_deduplication_window = 20000, fsync_after_insert = 1, fsync_part_directory = 1,
    old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS log_patterns_in
(
    tenant String,
    process String,
    id UInt64,
    template String,
    example String,
    severity UInt32,
    first_seen_ms Int64,
    learning Bool
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS log_patterns_view TO log_patterns AS
SELECT
    tenant, process, id, template, example, least(severity, 24)::UInt8 AS severity,
    fromUnixTimestamp64Milli(first_seen_ms, 'UTC') AS first_seen, learning::UInt8 AS learning
FROM log_patterns_in;

-- Business records that a rule flagged; a repeat has the same id. Read with FINAL.
CREATE TABLE IF NOT EXISTS flagged_records
(
    tenant LowCardinality(String),
    time DateTime64(3, 'UTC'),
    id String,
    process String,
    source String,
    rule LowCardinality(String),
    expression String CODEC(ZSTD(1)),
    severity Enum8('unspecified' = 0, 'info' = 1, 'warning' = 2, 'critical' = 3),
    record String CODEC(ZSTD(3)),
    field LowCardinality(String),
    value Nullable(Float64),
    unit LowCardinality(String)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (tenant, time, id)
TTL toDateTime(time) + toIntervalSecond(${data_retention_seconds})
SETTINGS materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 20000,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS flagged_records_in
(
    tenant String,
    process String,
    id String,
    time_ms Int64,
    source String,
    rule String,
    expression String,
    severity Int32,
    record String,
    field String,
    value Float64,
    unit String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS flagged_records_view TO flagged_records AS
SELECT
    tenant, fromUnixTimestamp64Milli(time_ms, 'UTC') AS time, id, process, source, rule, expression,
    if(severity BETWEEN 0 AND 3, severity, 0)::Int8 AS severity, record, field,
    if(isFinite(value), value, NULL) AS value, unit
FROM flagged_records_in;
