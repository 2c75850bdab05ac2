-- /// report
-- title = "Expired and never read"
-- question = "Which objects did lifecycle rules take away that nobody had read since the first record?"
-- note = "Where a write is known, all of the object's life was seen. Objects of a versioned bucket count when a rule marks them as deleted, not when an old version goes. To copy an object onto itself, which changes its metadata or class, is no reading; whoever has an object restored wants to read it, which counts as one."
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many objects, the largest first"
-- ///
WITH expired AS (
    SELECT bucket, key, max(time) AS expired, max({'time': time, 'size': object_size}).size AS expired_size
    FROM lifecycle_events
    WHERE is_object_expiry(operation, version_id)
    GROUP BY bucket, key
),
used AS (
    SELECT
        bucket,
        key,
        bool_or(is_restore(operation) OR (is_read(operation) AND NOT is_copy_source(operation))) AS is_read,
        min(time) FILTER (WHERE is_write(operation)) AS first_write,
        arg_max(object_size, time) FILTER (WHERE is_write(operation)) AS written_size
    FROM access_log
    JOIN expired USING (bucket, key)
    WHERE (is_read(operation) OR is_restore(operation) OR is_write(operation))
        AND succeeded(operation, http_status)
        AND time <= expired.expired
    GROUP BY bucket, key
),
copied AS (
    SELECT bucket, key, min(time) AS time
    FROM access_log
    WHERE (is_copy_source(operation) OR operation IN ('REST.COPY.OBJECT', 'REST.COPY.PART'))
        AND succeeded(operation, http_status)
    GROUP BY bucket, key, request_id
    HAVING bool_and(is_copy_source(operation))  -- else the copy went onto the object itself
)
SELECT
    key,
    bucket,
    first_write,
    expired,
    coalesce(expired_size, written_size) AS object_size
FROM expired
LEFT JOIN used USING (bucket, key)
WHERE NOT coalesce(is_read, false)
    AND NOT EXISTS (
        FROM copied
        WHERE copied.bucket = expired.bucket AND copied.key = expired.key AND copied.time <= expired.expired
    )
ORDER BY object_size DESC NULLS LAST, key, bucket
LIMIT $limit
