-- /// report
-- title = "Age at expiry"
-- question = "How many days after they were last written did objects expire?"
-- note = "Objects whose writing was not seen are left out. Objects of a versioned bucket expire when a rule marks them as deleted, not when an old version goes. A delete marker has no size: bytes are those of the last write then."
-- chart = { kind = "bar", label = "days", value = "objects" }
-- ///
WITH expired AS (
    SELECT bucket, key, time AS expired, max(object_size) AS expired_size
    FROM lifecycle_events
    WHERE is_object_expiry(operation, version_id)
    GROUP BY bucket, key, time
),
aged AS (
    SELECT
        date_sub('day', max(access_log.time), expired.expired) AS days,
        coalesce(any_value(expired_size), arg_max(object_size, access_log.time)) AS object_size
    FROM access_log
    JOIN expired USING (bucket, key)
    WHERE is_write(operation) AND succeeded(operation, http_status) AND access_log.time <= expired.expired
    GROUP BY bucket, key, expired.expired
)
SELECT
    days,
    count(*) AS objects,
    total(object_size) AS bytes
FROM aged
GROUP BY days
ORDER BY days
