-- /// report
-- title = "Delete markers"
-- question = "Under which keys of versioned buckets did lifecycle rules put a delete marker, and when (UTC)?"
-- ///
SELECT
    key,
    time,
    bucket,
    version_id
FROM lifecycle_events
WHERE operation = 'S3.CREATE.DELETEMARKER'
ORDER BY time, bucket, key, version_id, request_id
