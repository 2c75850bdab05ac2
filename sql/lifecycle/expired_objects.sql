-- /// report
-- title = "Expired objects"
-- question = "Which objects did lifecycle rules expire, and when (UTC)?"
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
    object_size
FROM lifecycle_events
WHERE operation = $operation
ORDER BY time, bucket, key, version_id, request_id
