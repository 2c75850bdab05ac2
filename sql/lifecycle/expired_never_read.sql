-- /// report
-- title = "Expired and never read"
-- question = "Which objects did lifecycle rules take away that nobody had read since the first record? Where a write is known, all of the object's life was seen."
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many objects, the largest first"
-- ///
WITH expired AS (
    SELECT bucket, key, max(time) AS expired, max({'time': time, 'size': object_size}).size AS object_size
    FROM lifecycle_events
    WHERE is_expiry(operation)
    GROUP BY bucket, key
),
used AS (
    SELECT bucket, key, bool_or(is_read(operation)) AS is_read, min(time) FILTER (WHERE is_write(operation)) AS first_write
    FROM access_log
    JOIN expired USING (bucket, key)
    WHERE (is_read(operation) OR is_write(operation)) AND succeeded(operation, http_status) AND time <= expired.expired
    GROUP BY bucket, key
)
SELECT
    key,
    bucket,
    first_write,
    expired,
    object_size
FROM expired
LEFT JOIN used USING (bucket, key)
WHERE NOT coalesce(is_read, false)
ORDER BY object_size DESC NULLS LAST, key, bucket
LIMIT $limit
