-- Dead letters have an id, say where in their source they came from, and whether they can be taken in again.
ALTER TABLE dead_letters
    ADD COLUMN IF NOT EXISTS id String,
    ADD COLUMN IF NOT EXISTS subject String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS replayable Bool;

ALTER TABLE dead_letters_in
    ADD COLUMN IF NOT EXISTS id String,
    ADD COLUMN IF NOT EXISTS subject String,
    ADD COLUMN IF NOT EXISTS replayable Bool;

ALTER TABLE dead_letters_view MODIFY QUERY
SELECT
    tenant, fromUnixTimestamp64Milli(time_ms, 'UTC') AS time, service, source, reason, detail, topic, `partition`,
    `offset`, payload, payload_size, id, subject, replayable
FROM dead_letters_in;
