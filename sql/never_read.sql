-- What the records tell of the objects that somebody read: for `accesslake never-read`, which takes these off an inventory.
-- The records of a bucket begin and end somewhere: before and after, nobody knows.
SELECT bucket, NULL AS key, min(time) AS first_time, max(time) AS last_time
FROM access_log
WHERE date <= newest_day()
GROUP BY bucket
UNION ALL
SELECT bucket, key, NULL, NULL
FROM access_log
WHERE key IS NOT NULL
    AND (is_read(operation) OR is_restore(operation))
    AND succeeded(operation, http_status)
    -- a copy of an object onto itself, to change its metadata or class, is no use of it
    AND NOT (is_copy_source(operation) AND (request_id, bucket, key) IN (
        SELECT (request_id, bucket, key)
        FROM access_log
        WHERE operation IN ('REST.COPY.OBJECT', 'REST.COPY.PART')
    ))
GROUP BY bucket, key
