-- What was normal and how far from it each line of numbers was, per minute; NULL where nothing is known. `drift` keeps
-- of each process and minute the largest deviation to either side: the drift line and the time strip read it.
CREATE TABLE IF NOT EXISTS baselines
(
    tenant LowCardinality(String),
    process String CODEC(ZSTD(1)),
    metric LowCardinality(String),
    attributes String CODEC(ZSTD(1)),
    minute DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    value Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    centre Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    spread Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    deviation Nullable(Float64) CODEC(Delta(8), ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(minute)
ORDER BY (tenant, process, metric, attributes, minute)
TTL minute + toIntervalSecond(${data_retention_seconds})
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 20000,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS drift
(
    tenant LowCardinality(String),
    minute DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    process String CODEC(ZSTD(1)),
    up SimpleAggregateFunction(max, Float64) CODEC(ZSTD(1)),
    down SimpleAggregateFunction(min, Float64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMMDD(minute)
ORDER BY (tenant, minute, process)
TTL minute + toIntervalSecond(${data_retention_seconds})
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 20000,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS baselines_in
(
    tenant String,
    minute_time_ms Int64,
    process Array(String),
    metric Array(String),
    attributes Array(String),
    value Array(Float64),
    centre Array(Float64),
    spread Array(Float64),
    deviation Array(Float64)
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS baselines_view TO baselines AS
SELECT
    tenant,
    line.1 AS process,
    line.2 AS metric,
    line.3 AS attributes,
    toDateTime(intDiv(minute_time_ms, 1000), 'UTC') AS minute,
    if(isFinite(line.4), line.4, NULL) AS value,
    if(isFinite(line.5), line.5, NULL) AS centre,
    if(isFinite(line.6), line.6, NULL) AS spread,
    if(isFinite(line.7), line.7, NULL) AS deviation
FROM
(
    SELECT
        tenant, minute_time_ms,
        arrayJoin(arrayZip(process, metric, attributes, value, centre, spread, deviation)) AS line
    FROM baselines_in
);

CREATE MATERIALIZED VIEW IF NOT EXISTS drift_view TO drift AS
SELECT tenant, minute, process, max(greatest(deviation, 0)) AS up, min(least(deviation, 0)) AS down
FROM
(
    SELECT tenant, minute, process, assumeNotNull(deviation) AS deviation
    FROM baselines
    -- As isPartOfDrift in proto/src/kpis.ts: of hosts and their groups, the KPIs.
    WHERE deviation IS NOT NULL AND (attributes = '' OR NOT match(process, '^(host|os):'))
)
GROUP BY tenant, minute, process;
