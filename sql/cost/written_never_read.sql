-- /// report
-- title = "Written and never read"
-- question = "Which objects were written and never read afterwards, in the period? They may do in a cheaper storage class; some may be gone."
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many objects, the largest first"
-- ///
SELECT
    key,
    bucket,
    count(*) FILTER (WHERE is_write(operation)) AS writes,
    max(time) FILTER (WHERE is_write(operation)) AS last_write,
    arg_max(object_size, time) FILTER (WHERE is_write(operation)) AS object_size
FROM access_log
WHERE key IS NOT NULL
    AND (is_read(operation) OR is_write(operation))
    AND succeeded(operation, http_status)
GROUP BY key, bucket
HAVING bool_or(is_write(operation))
    AND coalesce(max(time) FILTER (WHERE is_read(operation)) < max(time) FILTER (WHERE is_write(operation)), true)
ORDER BY object_size DESC NULLS LAST, key, bucket
LIMIT $limit
