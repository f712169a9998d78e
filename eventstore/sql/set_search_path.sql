-- Has *schema* searched first until the transaction ends, or sets *path* when that is
-- not empty.  Parameters: schema, path.  Returns the path of before.
WITH known AS MATERIALIZED (
    SELECT current_setting('search_path') AS path
)

SELECT
    k.path,
    set_config(
        'search_path',
        coalesce(nullif(%(path)s, ''), %(schema)s || ', ' || k.path),
        TRUE
    ) AS now
FROM known AS k
