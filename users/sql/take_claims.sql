-- Claims values for streams; waits until a racing claim has committed or vanished.
-- Parameters: namespace; digests and streams, side by side.
-- Returns: a row for each that was free.
INSERT INTO users_claim (namespace, digest, stream)
SELECT
    %(namespace)s::text AS namespace,
    wanted.digest,
    wanted.stream
FROM unnest(%(digests)s::bytea[], %(streams)s::text[]) AS wanted (digest, stream)
ON CONFLICT DO NOTHING
RETURNING digest
