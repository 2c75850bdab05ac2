-- /// report
-- title = "Not used lately"
-- question = "Which objects were neither read nor written in the last days of the period, but before, and are not known to be deleted? They may do in a cheaper storage class."
--
-- [params.days]
-- type = "integer"
-- default = 30
-- help = "how many days, up to the last one with records"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many objects, the largest first"
-- ///
SELECT
    key,
    bucket,
    last_used,
    object_size
FROM (
    SELECT
        key,
        bucket,
        max(time) FILTER (WHERE is_read(operation) OR is_write(operation)) AS last_used,
        max(time) FILTER (WHERE is_delete(operation) OR is_expiry(operation)) AS gone,
        max(object_size) AS object_size
    FROM access_log
    WHERE key IS NOT NULL
        AND (is_read(operation) OR is_write(operation) OR is_delete(operation) OR is_expiry(operation))
        AND succeeded(operation, http_status)
    GROUP BY key, bucket
)
WHERE last_used::DATE <= newest_day() - $days::INTEGER
    AND (gone IS NULL OR gone < last_used)
ORDER BY object_size DESC NULLS LAST, key, bucket
LIMIT $limit
