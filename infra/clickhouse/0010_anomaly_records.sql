-- An anomaly may be about a record or a line, which it then carries.
ALTER TABLE anomalies ADD COLUMN IF NOT EXISTS record String CODEC(ZSTD(3));

ALTER TABLE anomalies_in ADD COLUMN IF NOT EXISTS record String;

ALTER TABLE anomalies_view MODIFY QUERY
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
    revision,
    record
FROM anomalies_in;
