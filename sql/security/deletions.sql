-- /// report
-- title = "Deletions"
-- question = "Who deleted what, and when (UTC)? Lifecycle rules and refused attempts are left out."
-- note = "removed: object - without a version id, for good unless the bucket has versions; old version - by its id, for good; delete marker - by its id, which brings the object back. NULL: the log has no size, so a delete marker was set, or nothing was there."
--
-- [params.prefix]
-- type = "string"
-- default = ""
-- help = "only keys that begin so"
-- ///
SELECT
    time,
    bucket,
    key,
    version_id,
    CASE
        WHEN version_id IS NULL THEN CASE WHEN object_size IS NOT NULL THEN 'object' END
        WHEN object_size IS NULL THEN 'delete marker'
        ELSE 'old version'
    END AS removed,
    requester,
    remote_ip,
    operation,
    http_status,
    object_size,
    request_id
FROM access_log
WHERE is_delete(operation) AND succeeded(operation, http_status) AND starts_with(key, $prefix)
ORDER BY time, bucket, key, version_id, request_id
