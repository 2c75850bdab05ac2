-- /// report
-- title = "Lifecycle events of an object"
-- question = "What did lifecycle rules do to one object, and when (UTC)?"
--
-- [params.key]
-- type = "string"
-- help = "the object's key, also as it is in a URL: with escapes, a slash before it, or the URL itself"
-- ///
SELECT
    time,
    operation,
    bucket,
    version_id,
    object_size,
    removed(operation, version_id, object_size) AS removed
FROM lifecycle_events
WHERE key = key_meant($key)
ORDER BY time, operation, bucket, version_id, request_id
