-- /// report
-- title = "Used after expiry"
-- question = "Which objects were requested (found or not) or written again after a lifecycle rule first took them away?"
-- note = "HEAD counts as a request: clients that look before they read get no further once an object is gone. Objects of a versioned bucket expire when a rule marks them as deleted, not when an old version goes."
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many objects"
-- ///
WITH expired AS (
    SELECT bucket, key, min(time) AS expired
    FROM lifecycle_events
    WHERE is_object_expiry(operation, version_id)
    GROUP BY bucket, key
),
used AS (
    SELECT
        bucket,
        key,
        time,
        http_status,
        expired,
        is_write(operation) AS is_write
    FROM access_log
    JOIN expired USING (bucket, key)
    WHERE time > expired AND (
        is_read(operation) OR is_look(operation)
        OR (is_write(operation) AND succeeded(operation, http_status))
    )
)
SELECT
    key,
    bucket,
    any_value(expired) AS expired,
    count(*) FILTER (WHERE NOT is_write) AS requests,
    count(*) FILTER (WHERE NOT is_write AND http_status = 404) AS not_found,
    count(*) FILTER (WHERE is_write) AS writes,
    min(time) AS first_time,
    max(time) AS last_time
FROM used
GROUP BY key, bucket
ORDER BY requests DESC, writes DESC, key, bucket
LIMIT $limit
