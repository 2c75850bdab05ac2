-- /// report
-- title = "Deletions"
-- question = "Who deleted what, and when (UTC)? Lifecycle rules and refused attempts are left out."
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
    requester,
    remote_ip,
    operation,
    http_status,
    object_size,
    request_id
FROM access_log
WHERE is_delete(operation) AND succeeded(operation, http_status) AND starts_with(key, $prefix)
ORDER BY time, bucket, key, version_id, request_id
