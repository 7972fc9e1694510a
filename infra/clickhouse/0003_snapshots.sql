-- Process tables of hosts, encoded as they came. Frames of a host resemble each other, so they are compressed together
-- in large blocks; small granules keep the read of one minute short. Read a moment as the last key frame at or before
-- it and the frames after that.
CREATE TABLE IF NOT EXISTS snapshots
(
    tenant LowCardinality(String),
    host LowCardinality(String),
    ts DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    key_frame Bool,
    description String CODEC(ZSTD(3)),
    `table` String CODEC(ZSTD(3, 23)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 8388608)
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(ts)
ORDER BY (tenant, host, ts)
TTL toDateTime(ts) + toIntervalSecond(${raw_retention_seconds})
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 20000,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60,
    index_granularity = 128, index_granularity_bytes = 1048576;

CREATE TABLE IF NOT EXISTS snapshots_in
(
    tenant String,
    host String,
    time_ms Int64,
    key_frame Bool,
    description String,
    `table` String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS snapshots_view TO snapshots AS
SELECT tenant, host, fromUnixTimestamp64Milli(time_ms, 'UTC') AS ts, key_frame, description, `table`
FROM snapshots_in;
