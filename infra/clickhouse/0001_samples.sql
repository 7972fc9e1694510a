-- Numbers measured over time. Bodies of SampleBatch go into samples_in, which keeps nothing: the first view makes one
-- row per sample, the second rolls the rows up. Names of samples_in are those of the protobuf fields.
CREATE TABLE IF NOT EXISTS samples
(
    series UInt64 CODEC(Delta(8), ZSTD(1)),
    ts DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    value Float64 CODEC(Delta(8), ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(ts)
ORDER BY (series, ts)
TTL toDateTime(ts) + toIntervalSecond(${raw_retention_seconds})
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 20000,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS samples_1m
(
    series UInt64 CODEC(Delta(8), ZSTD(1)),
    minute DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    min SimpleAggregateFunction(min, Float64) CODEC(Delta(8), ZSTD(1)),
    max SimpleAggregateFunction(max, Float64) CODEC(Delta(8), ZSTD(1)),
    sum SimpleAggregateFunction(sum, Float64) CODEC(Delta(8), ZSTD(1)),
    count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMMDD(minute)
ORDER BY (series, minute)
TTL minute + toIntervalSecond(${data_retention_seconds})
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 20000,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS samples_in
(
    base_time_ms Int64,
    series Array(UInt64),
    time_offset_ms Array(Int32),
    value Array(Float64)
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS samples_view TO samples AS
SELECT id AS series, fromUnixTimestamp64Milli(base_time_ms + offset_ms, 'UTC') AS ts, number AS value
FROM samples_in ARRAY JOIN series AS id, time_offset_ms AS offset_ms, value AS number;

CREATE MATERIALIZED VIEW IF NOT EXISTS samples_1m_view TO samples_1m AS
SELECT
    series,
    toStartOfMinute(toDateTime(ts)) AS minute,
    min(value) AS min,
    max(value) AS max,
    sum(value) AS sum,
    count() AS count
FROM samples
GROUP BY series, minute;
