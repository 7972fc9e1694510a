-- What a series id means. Defined again after each restart of its source: the last definition wins. Kept for ever,
-- because a source that never restarts never repeats itself.
CREATE TABLE IF NOT EXISTS series
(
    id UInt64,
    tenant LowCardinality(String),
    process String,
    metric LowCardinality(String),
    unit LowCardinality(String),
    kind Enum8('unspecified' = 0, 'gauge' = 1, 'delta' = 2, 'cumulative' = 3),
    attributes String,
    defined_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(defined_at)
ORDER BY (tenant, process, metric, id)
SETTINGS non_replicated_deduplication_window = 20000, fsync_after_insert = 1, fsync_part_directory = 1,
    old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS series_in
(
    series Nested
    (
        id UInt64,
        tenant String,
        process String,
        metric String,
        unit String,
        kind Int32,
        attributes String,
        defined_at_ms Int64
    )
)
ENGINE = Null;

-- A kind that is not known yet, from a newer producer, reads as unspecified.
CREATE MATERIALIZED VIEW IF NOT EXISTS series_view TO series AS
SELECT
    definition.id AS id,
    definition.tenant AS tenant,
    definition.process AS process,
    definition.metric AS metric,
    definition.unit AS unit,
    if(definition.kind BETWEEN 0 AND 3, definition.kind, 0)::Int8 AS kind,
    definition.attributes AS attributes,
    fromUnixTimestamp64Milli(definition.defined_at_ms, 'UTC') AS defined_at
FROM series_in ARRAY JOIN series AS definition;
