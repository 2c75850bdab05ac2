-- /// report
-- title = "Age at expiry"
-- question = "How many days after they were last written did objects expire? Objects whose writing was not seen are left out; of a versioned bucket, the last writing may be of a newer version."
-- chart = { kind = "bar", label = "days", value = "objects" }
-- ///
WITH expired AS (
    SELECT bucket, key, time AS expired, sum(object_size) AS object_size
    FROM lifecycle_events
    WHERE is_expiry(operation)
    GROUP BY bucket, key, time
),
aged AS (
    SELECT
        date_sub('day', max(access_log.time), expired.expired) AS days,
        any_value(expired.object_size) AS object_size
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
