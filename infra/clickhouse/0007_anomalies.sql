-- Excursions and alerts as they stand: the record with the highest revision wins. Read with FINAL.
CREATE TABLE IF NOT EXISTS anomalies
(
    tenant LowCardinality(String),
    start_time DateTime64(3, 'UTC'),
    id String,
    process String,
    type LowCardinality(String),
    severity Enum8('unspecified' = 0, 'info' = 1, 'warning' = 2, 'critical' = 3),
    end_time Nullable(DateTime64(3, 'UTC')),
    time DateTime64(3, 'UTC'),
    description String CODEC(ZSTD(1)),
    metric LowCardinality(String),
    attributes String,
    unit LowCardinality(String),
    value Nullable(Float64),
    worst_value Nullable(Float64),
    expected_low Nullable(Float64),
    expected_high Nullable(Float64),
    expected_centre Nullable(Float64),
    score Float64,
    exhausted_at Nullable(DateTime64(3, 'UTC')),
    contributions Array(Tuple(metric String, share Float64)),
    -- KPIs of the process at `time`, in the order of the fields of KpiValues.
    metrics Array(Float64),
    revision UInt32
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(start_time)
ORDER BY (tenant, start_time, id)
TTL toDateTime(start_time) + toIntervalSecond(${data_retention_seconds})
SETTINGS materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 20000,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS anomalies_in
(
    tenant String,
    id String,
    process String,
    type String,
    severity Int32,
    start_time_ms Int64,
    end_time_ms Int64,
    time_ms Int64,
    description String,
    metric String,
    attributes String,
    unit String,
    value Float64,
    worst_value Float64,
    expected_low Float64,
    expected_high Float64,
    expected_centre Float64,
    score Float64,
    exhausted_at_ms Int64,
    contributions Nested(metric String, share Float64),
    metrics Tuple(
        execution_time_ms Float64,
        success_rate Float64,
        error_rate Float64,
        throughput_per_second Float64,
        cpu_cores Float64,
        memory_bytes Float64,
        read_bytes_per_second Float64,
        write_bytes_per_second Float64,
        network_receive_bytes_per_second Float64,
        network_transmit_bytes_per_second Float64,
        cpu_share Float64,
        memory_share Float64,
        io_share Float64,
        network_share Float64,
        instances Float64
    ),
    revision UInt32
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS anomalies_view TO anomalies AS
SELECT
    tenant,
    fromUnixTimestamp64Milli(start_time_ms, 'UTC') AS start_time,
    id,
    process,
    type,
    if(severity BETWEEN 0 AND 3, severity, 0)::Int8 AS severity,
    if(end_time_ms = 0, NULL, fromUnixTimestamp64Milli(end_time_ms, 'UTC')) AS end_time,
    fromUnixTimestamp64Milli(time_ms, 'UTC') AS time,
    description,
    metric,
    attributes,
    unit,
    if(isFinite(value), value, NULL) AS value,
    if(isFinite(worst_value), worst_value, NULL) AS worst_value,
    if(isFinite(expected_low), expected_low, NULL) AS expected_low,
    if(isFinite(expected_high), expected_high, NULL) AS expected_high,
    if(isFinite(expected_centre), expected_centre, NULL) AS expected_centre,
    score,
    if(exhausted_at_ms = 0, NULL, fromUnixTimestamp64Milli(exhausted_at_ms, 'UTC')) AS exhausted_at,
    arrayZip(contributions.metric, contributions.share) AS contributions,
    [metrics.1, metrics.2, metrics.3, metrics.4, metrics.5, metrics.6, metrics.7, metrics.8, metrics.9, metrics.10,
     metrics.11, metrics.12, metrics.13, metrics.14, metrics.15] AS metrics,
    revision
FROM anomalies_in;

CREATE TABLE IF NOT EXISTS alerts
(
    tenant LowCardinality(String),
    opened_at DateTime64(3, 'UTC'),
    id String,
    anomaly_id String,
    anomaly_ids Array(String),
    process String,
    rule LowCardinality(String),
    type LowCardinality(String),
    severity Enum8('unspecified' = 0, 'info' = 1, 'warning' = 2, 'critical' = 3),
    status Enum8('unspecified' = 0, 'open' = 1, 'acknowledged' = 2, 'resolved' = 3),
    message String CODEC(ZSTD(1)),
    recipients Array(String),
    acknowledged_at Nullable(DateTime64(3, 'UTC')),
    acknowledged_by String,
    resolved_at Nullable(DateTime64(3, 'UTC')),
    resolved_by String,
    version UInt32
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(opened_at)
ORDER BY (tenant, opened_at, id)
TTL toDateTime(opened_at) + toIntervalSecond(${data_retention_seconds})
SETTINGS materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 20000,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS alerts_in
(
    tenant String,
    id String,
    anomaly_id String,
    anomaly_ids Array(String),
    process String,
    rule String,
    type String,
    severity Int32,
    status Int32,
    message String,
    recipients Array(String),
    opened_at_ms Int64,
    acknowledged_at_ms Int64,
    acknowledged_by String,
    resolved_at_ms Int64,
    resolved_by String,
    version UInt32
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS alerts_view TO alerts AS
SELECT
    tenant,
    fromUnixTimestamp64Milli(opened_at_ms, 'UTC') AS opened_at,
    id,
    anomaly_id,
    anomaly_ids,
    process,
    rule,
    type,
    if(severity BETWEEN 0 AND 3, severity, 0)::Int8 AS severity,
    if(status BETWEEN 0 AND 3, status, 0)::Int8 AS status,
    message,
    recipients,
    if(acknowledged_at_ms = 0, NULL, fromUnixTimestamp64Milli(acknowledged_at_ms, 'UTC')) AS acknowledged_at,
    acknowledged_by,
    if(resolved_at_ms = 0, NULL, fromUnixTimestamp64Milli(resolved_at_ms, 'UTC')) AS resolved_at,
    resolved_by,
    version
FROM alerts_in;
