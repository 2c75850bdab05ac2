-- /// report
-- title = "Unfinished uploads"
-- question = "Which multipart uploads were begun, and neither completed nor aborted, and how large are their parts?"
-- note = "Parts are stored and billed until their upload is completed or aborted, and no listing of objects shows them. Uploads are told apart by the id in the request line, so not in a lake that drops query strings. An upload without any part is not listed; one of the last hours may still go on."
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many uploads, those with most bytes first"
-- ///
WITH steps AS (
    SELECT
        *,
        regexp_extract(request_uri, '[?&]uploadId=([^& ]*)', 1) AS upload_id,
        regexp_extract(request_uri, '[?&]partNumber=([^& ]*)', 1) AS part
    FROM access_log
    WHERE operation IN ('REST.PUT.PART', 'REST.COPY.PART', 'REST.POST.UPLOAD', 'REST.DELETE.UPLOAD')
        AND succeeded(operation, http_status)
),
-- a part that is sent again takes the place of the one before
parts AS (
    SELECT
        bucket,
        key,
        upload_id,
        part,
        arg_max(object_size, time) AS object_size,
        min(time) AS first_time,
        max(time) AS last_time
    FROM steps
    WHERE operation IN ('REST.PUT.PART', 'REST.COPY.PART')
    GROUP BY bucket, key, upload_id, part
),
uploads AS (
    SELECT
        bucket,
        key,
        upload_id,
        count(*) AS parts,
        total(object_size) AS bytes,
        min(first_time) AS first_time,
        max(last_time) AS last_time
    FROM parts
    GROUP BY bucket, key, upload_id
),
ended AS (
    SELECT DISTINCT bucket, key, upload_id
    FROM steps
    WHERE operation IN ('REST.POST.UPLOAD', 'REST.DELETE.UPLOAD')
),
-- what a rule aborts has no id of the upload
aborted AS (
    SELECT bucket, key, max(time) AS time
    FROM lifecycle_events
    WHERE operation = 'S3.DELETE.UPLOAD'
    GROUP BY bucket, key
)
SELECT
    key,
    bucket,
    upload_id,
    parts,
    bytes,
    first_time,
    last_time
FROM uploads
ANTI JOIN ended USING (bucket, key, upload_id)
LEFT JOIN aborted USING (bucket, key)
WHERE coalesce(aborted.time < last_time, true)
ORDER BY bytes DESC, key, bucket, upload_id
LIMIT $limit
