-- /// report
-- title = "Bytes uploaded and overwritten"
-- question = "How many bytes were uploaded each day, to which bucket and by whom, and how many of them replaced an object that had been written before?"
-- note = "Bytes of objects, parts of multipart uploads and HTML forms that arrived; copies are not uploads. Overwritten is what a write replaced that the records know of: with the size that the object had by its last write before, within the period. In a versioned bucket it goes on to be stored as an old version. accelerated_bytes are charged for, other uploads are free."
--
-- [params.limit]
-- type = "integer"
-- default = 100
-- help = "how many days, buckets and principals, the largest first"
-- ///
WITH arrived AS (
    SELECT
        date,
        bucket,
        requester,
        count(*) AS uploads,
        total(object_size) AS uploaded_bytes,
        total(CASE WHEN is_accelerated(host_header) THEN object_size END) AS accelerated_bytes
    FROM access_log
    WHERE uploaded_bytes(operation, http_status, object_size) > 0
    GROUP BY date, bucket, requester
),

rewritten AS (  -- no window over all writes: most keys are written once
    SELECT bucket, key
    FROM access_log
    WHERE is_write(operation) AND succeeded(operation, http_status) AND key IS NOT NULL
    GROUP BY bucket, key
    HAVING count(*) > 1
),

changes AS (
    SELECT
        date,
        bucket,
        requester,
        is_write(operation) AS is_write,
        lag(is_write(operation)) OVER of_object AS was_there,
        lag(object_size) OVER of_object AS replaced_size
    FROM access_log
    SEMI JOIN rewritten USING (bucket, key)
    WHERE succeeded(operation, http_status) AND (is_write(operation) OR takes_object(operation, version_id))
    WINDOW of_object AS (PARTITION BY bucket, key ORDER BY time, request_id)
),

overwritten AS (
    SELECT
        date,
        bucket,
        requester,
        count(*) AS overwrites,
        total(replaced_size) AS overwritten_bytes
    FROM changes
    WHERE is_write AND was_there
    GROUP BY date, bucket, requester
)

SELECT
    date,
    bucket,
    principal(requester) AS principal,
    total(uploads) AS uploads,
    total(uploaded_bytes) AS uploaded_bytes,
    total(accelerated_bytes) AS accelerated_bytes,
    total(overwrites) AS overwrites,
    total(overwritten_bytes) AS overwritten_bytes
FROM (SELECT * FROM arrived UNION ALL BY NAME SELECT * FROM overwritten)
GROUP BY date, bucket, principal
ORDER BY uploaded_bytes DESC, overwritten_bytes DESC, date, bucket, principal
LIMIT $limit
