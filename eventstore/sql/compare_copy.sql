-- Compares a copy of a read model with the live table (rebuild_compare_v1).
-- Parameters: table, schema, key, columns, settled = a position both have come to, most
-- = keys named of each kind.  Returns: kind, found, sample.
SELECT
    c.kind,
    c.found,
    c.sample::text AS sample
FROM rebuild_compare_v1(
    %(table)s, %(schema)s, %(key)s::text[], %(columns)s::text[], %(settled)s, %(most)s
) AS c
