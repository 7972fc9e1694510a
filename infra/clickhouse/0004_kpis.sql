-- Key performance indicators per process and closed bucket; NULL where there is no data. Bodies of KpiBatch go into
-- kpis_in: one row per process in kpis, rolled up to minutes in kpis_1m (average = sum / count, count leaves out NULL).
CREATE TABLE IF NOT EXISTS kpis
(
    tenant LowCardinality(String),
    process String CODEC(ZSTD(1)),
    ts DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    bucket_ms UInt32 CODEC(ZSTD(1)),
    execution_time_ms Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    success_rate Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    error_rate Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    throughput_per_second Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    cpu_cores Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    memory_bytes Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    read_bytes_per_second Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    write_bytes_per_second Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    network_receive_bytes_per_second Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    network_transmit_bytes_per_second Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    cpu_share Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    memory_share Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    io_share Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    network_share Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    instances Nullable(Float64) CODEC(Delta(8), ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(ts)
ORDER BY (tenant, process, ts)
TTL toDateTime(ts) + toIntervalSecond(${raw_retention_seconds})
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 20000,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS kpis_1m
(
    tenant LowCardinality(String),
    process String CODEC(ZSTD(1)),
    minute DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    execution_time_ms_min SimpleAggregateFunction(min, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    execution_time_ms_max SimpleAggregateFunction(max, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    execution_time_ms_sum SimpleAggregateFunction(sum, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    execution_time_ms_count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    success_rate_min SimpleAggregateFunction(min, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    success_rate_max SimpleAggregateFunction(max, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    success_rate_sum SimpleAggregateFunction(sum, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    success_rate_count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    error_rate_min SimpleAggregateFunction(min, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    error_rate_max SimpleAggregateFunction(max, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    error_rate_sum SimpleAggregateFunction(sum, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    error_rate_count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    throughput_per_second_min SimpleAggregateFunction(min, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    throughput_per_second_max SimpleAggregateFunction(max, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    throughput_per_second_sum SimpleAggregateFunction(sum, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    throughput_per_second_count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    cpu_cores_min SimpleAggregateFunction(min, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    cpu_cores_max SimpleAggregateFunction(max, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    cpu_cores_sum SimpleAggregateFunction(sum, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    cpu_cores_count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    memory_bytes_min SimpleAggregateFunction(min, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    memory_bytes_max SimpleAggregateFunction(max, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    memory_bytes_sum SimpleAggregateFunction(sum, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    memory_bytes_count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    read_bytes_per_second_min SimpleAggregateFunction(min, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    read_bytes_per_second_max SimpleAggregateFunction(max, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    read_bytes_per_second_sum SimpleAggregateFunction(sum, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    read_bytes_per_second_count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    write_bytes_per_second_min SimpleAggregateFunction(min, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    write_bytes_per_second_max SimpleAggregateFunction(max, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    write_bytes_per_second_sum SimpleAggregateFunction(sum, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    write_bytes_per_second_count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    network_receive_bytes_per_second_min SimpleAggregateFunction(min, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    network_receive_bytes_per_second_max SimpleAggregateFunction(max, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    network_receive_bytes_per_second_sum SimpleAggregateFunction(sum, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    network_receive_bytes_per_second_count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    network_transmit_bytes_per_second_min SimpleAggregateFunction(min, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    network_transmit_bytes_per_second_max SimpleAggregateFunction(max, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    network_transmit_bytes_per_second_sum SimpleAggregateFunction(sum, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    network_transmit_bytes_per_second_count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    cpu_share_min SimpleAggregateFunction(min, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    cpu_share_max SimpleAggregateFunction(max, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    cpu_share_sum SimpleAggregateFunction(sum, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    cpu_share_count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    memory_share_min SimpleAggregateFunction(min, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    memory_share_max SimpleAggregateFunction(max, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    memory_share_sum SimpleAggregateFunction(sum, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    memory_share_count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    io_share_min SimpleAggregateFunction(min, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    io_share_max SimpleAggregateFunction(max, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    io_share_sum SimpleAggregateFunction(sum, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    io_share_count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    network_share_min SimpleAggregateFunction(min, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    network_share_max SimpleAggregateFunction(max, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    network_share_sum SimpleAggregateFunction(sum, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    network_share_count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    instances_min SimpleAggregateFunction(min, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    instances_max SimpleAggregateFunction(max, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    instances_sum SimpleAggregateFunction(sum, Nullable(Float64)) CODEC(Delta(8), ZSTD(1)),
    instances_count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMMDD(minute)
ORDER BY (tenant, process, minute)
TTL minute + toIntervalSecond(${data_retention_seconds})
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, non_replicated_deduplication_window = 20000,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS kpis_in
(
    tenant String,
    bucket_time_ms Int64,
    bucket_ms UInt32,
    process Array(String),
    execution_time_ms Array(Float64),
    success_rate Array(Float64),
    error_rate Array(Float64),
    throughput_per_second Array(Float64),
    cpu_cores Array(Float64),
    memory_bytes Array(Float64),
    read_bytes_per_second Array(Float64),
    write_bytes_per_second Array(Float64),
    network_receive_bytes_per_second Array(Float64),
    network_transmit_bytes_per_second Array(Float64),
    cpu_share Array(Float64),
    memory_share Array(Float64),
    io_share Array(Float64),
    network_share Array(Float64),
    instances Array(Float64)
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS kpis_view TO kpis AS
SELECT
    tenant,
    process_id AS process,
    fromUnixTimestamp64Milli(bucket_time_ms, 'UTC') AS ts,
    bucket_ms,
    if(isNaN(kpi_1), NULL, kpi_1) AS execution_time_ms,
    if(isNaN(kpi_2), NULL, kpi_2) AS success_rate,
    if(isNaN(kpi_3), NULL, kpi_3) AS error_rate,
    if(isNaN(kpi_4), NULL, kpi_4) AS throughput_per_second,
    if(isNaN(kpi_5), NULL, kpi_5) AS cpu_cores,
    if(isNaN(kpi_6), NULL, kpi_6) AS memory_bytes,
    if(isNaN(kpi_7), NULL, kpi_7) AS read_bytes_per_second,
    if(isNaN(kpi_8), NULL, kpi_8) AS write_bytes_per_second,
    if(isNaN(kpi_9), NULL, kpi_9) AS network_receive_bytes_per_second,
    if(isNaN(kpi_10), NULL, kpi_10) AS network_transmit_bytes_per_second,
    if(isNaN(kpi_11), NULL, kpi_11) AS cpu_share,
    if(isNaN(kpi_12), NULL, kpi_12) AS memory_share,
    if(isNaN(kpi_13), NULL, kpi_13) AS io_share,
    if(isNaN(kpi_14), NULL, kpi_14) AS network_share,
    if(isNaN(kpi_15), NULL, kpi_15) AS instances
FROM
(
    SELECT tenant, bucket_time_ms, bucket_ms, process AS process_id, execution_time_ms AS kpi_1, success_rate
        AS kpi_2, error_rate AS kpi_3, throughput_per_second AS kpi_4, cpu_cores AS kpi_5, memory_bytes AS
        kpi_6, read_bytes_per_second AS kpi_7, write_bytes_per_second AS kpi_8,
        network_receive_bytes_per_second AS kpi_9, network_transmit_bytes_per_second AS kpi_10, cpu_share AS
        kpi_11, memory_share AS kpi_12, io_share AS kpi_13, network_share AS kpi_14, instances AS kpi_15
    FROM kpis_in
    ARRAY JOIN process, execution_time_ms, success_rate, error_rate, throughput_per_second, cpu_cores,
        memory_bytes, read_bytes_per_second, write_bytes_per_second, network_receive_bytes_per_second,
        network_transmit_bytes_per_second, cpu_share, memory_share, io_share, network_share, instances
);

CREATE MATERIALIZED VIEW IF NOT EXISTS kpis_1m_view TO kpis_1m AS
SELECT
    tenant,
    process,
    toStartOfMinute(toDateTime(ts)) AS minute,
    min(execution_time_ms) AS execution_time_ms_min, max(execution_time_ms) AS execution_time_ms_max, sum(execution_time_ms) AS execution_time_ms_sum, count(execution_time_ms) AS execution_time_ms_count,
    min(success_rate) AS success_rate_min, max(success_rate) AS success_rate_max, sum(success_rate) AS success_rate_sum, count(success_rate) AS success_rate_count,
    min(error_rate) AS error_rate_min, max(error_rate) AS error_rate_max, sum(error_rate) AS error_rate_sum, count(error_rate) AS error_rate_count,
    min(throughput_per_second) AS throughput_per_second_min, max(throughput_per_second) AS throughput_per_second_max, sum(throughput_per_second) AS throughput_per_second_sum, count(throughput_per_second) AS throughput_per_second_count,
    min(cpu_cores) AS cpu_cores_min, max(cpu_cores) AS cpu_cores_max, sum(cpu_cores) AS cpu_cores_sum, count(cpu_cores) AS cpu_cores_count,
    min(memory_bytes) AS memory_bytes_min, max(memory_bytes) AS memory_bytes_max, sum(memory_bytes) AS memory_bytes_sum, count(memory_bytes) AS memory_bytes_count,
    min(read_bytes_per_second) AS read_bytes_per_second_min, max(read_bytes_per_second) AS read_bytes_per_second_max, sum(read_bytes_per_second) AS read_bytes_per_second_sum, count(read_bytes_per_second) AS read_bytes_per_second_count,
    min(write_bytes_per_second) AS write_bytes_per_second_min, max(write_bytes_per_second) AS write_bytes_per_second_max, sum(write_bytes_per_second) AS write_bytes_per_second_sum, count(write_bytes_per_second) AS write_bytes_per_second_count,
    min(network_receive_bytes_per_second) AS network_receive_bytes_per_second_min, max(network_receive_bytes_per_second) AS network_receive_bytes_per_second_max, sum(network_receive_bytes_per_second) AS network_receive_bytes_per_second_sum, count(network_receive_bytes_per_second) AS network_receive_bytes_per_second_count,
    min(network_transmit_bytes_per_second) AS network_transmit_bytes_per_second_min, max(network_transmit_bytes_per_second) AS network_transmit_bytes_per_second_max, sum(network_transmit_bytes_per_second) AS network_transmit_bytes_per_second_sum, count(network_transmit_bytes_per_second) AS network_transmit_bytes_per_second_count,
    min(cpu_share) AS cpu_share_min, max(cpu_share) AS cpu_share_max, sum(cpu_share) AS cpu_share_sum, count(cpu_share) AS cpu_share_count,
    min(memory_share) AS memory_share_min, max(memory_share) AS memory_share_max, sum(memory_share) AS memory_share_sum, count(memory_share) AS memory_share_count,
    min(io_share) AS io_share_min, max(io_share) AS io_share_max, sum(io_share) AS io_share_sum, count(io_share) AS io_share_count,
    min(network_share) AS network_share_min, max(network_share) AS network_share_max, sum(network_share) AS network_share_sum, count(network_share) AS network_share_count,
    min(instances) AS instances_min, max(instances) AS instances_max, sum(instances) AS instances_sum, count(instances) AS instances_count
FROM kpis
GROUP BY tenant, process, minute;
