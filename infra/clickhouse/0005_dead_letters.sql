-- What was refused, and why.
CREATE TABLE IF NOT EXISTS dead_letters
(
    tenant LowCardinality(String),
    time DateTime64(3, 'UTC'),
    service LowCardinality(String),
    source String,
    reason LowCardinality(String),
    detail String,
    topic LowCardinality(String),
    `partition` UInt32,
    `offset` UInt64,
    payload String CODEC(ZSTD(3)),
    payload_size UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(time)
ORDER BY (tenant, time)
TTL toDateTime(time) + toIntervalSecond(${data_retention_seconds})
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 20000,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS dead_letters_in
(
    tenant String,
    time_ms Int64,
    service String,
    source String,
    reason String,
    detail String,
    topic String,
    `partition` UInt32,
    `offset` UInt64,
    payload String,
    payload_size UInt64
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS dead_letters_view TO dead_letters AS
SELECT
    tenant, fromUnixTimestamp64Milli(time_ms, 'UTC') AS time, service, source, reason, detail, topic, `partition`,
    `offset`, payload, payload_size
FROM dead_letters_in;
