-- /// report
-- title = "Expired objects"
-- question = "What did lifecycle rules expire, and when (UTC)?"
-- note = "A row is an event of the operation; removed says what it took away. In a versioned bucket S3.EXPIRE.OBJECT removes an old version or a delete marker, and the object itself goes below a delete marker: -p operation=S3.CREATE.DELETEMARKER."
--
-- [params.operation]
-- type = "string"
-- default = "S3.EXPIRE.OBJECT"
-- help = "another lifecycle operation, such as S3.TRANSITION.OBJECT"
-- ///
SELECT
    key,
    time,
    bucket,
    version_id,
    object_size,
    removed(operation, version_id, object_size) AS removed
FROM lifecycle_events
WHERE operation = $operation
ORDER BY time, bucket, key, version_id, request_id
