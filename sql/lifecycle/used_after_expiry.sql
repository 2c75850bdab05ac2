-- /// report
-- title = "Used after expiry"
-- question = "Which objects were requested (found or not) or written again after they first expired? In a versioned bucket an old version may have expired of an object that lives on."
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many objects"
-- ///
WITH expired AS (
    SELECT bucket, key, min(time) AS expired
    FROM lifecycle_events
    WHERE is_expiry(operation)
    GROUP BY bucket, key
)
SELECT
    key,
    bucket,
    any_value(expired) AS expired,
    count(*) FILTER (WHERE is_read(operation)) AS requests,
    count(*) FILTER (WHERE is_read(operation) AND http_status = 404) AS not_found,
    count(*) FILTER (WHERE is_write(operation)) AS writes,
    min(time) AS first_time,
    max(time) AS last_time
FROM access_log
JOIN expired USING (bucket, key)
WHERE time > expired.expired AND (is_read(operation) OR (is_write(operation) AND succeeded(operation, http_status)))
GROUP BY key, bucket
ORDER BY requests DESC, writes DESC, key, bucket
LIMIT $limit
