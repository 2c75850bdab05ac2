-- /// report
-- title = "Everyone who touched one object"
-- question = "Who did what to one object, lifecycle rules included, and when (UTC)?"
--
-- [params.key]
-- type = "string"
-- help = "the object's key, decoded"
-- ///
SELECT
    time,
    bucket,
    operation,
    requester,
    remote_ip,
    http_status,
    error_code,
    bytes_sent,
    version_id,
    user_agent,
    request_id
FROM access_log
WHERE key = $key
ORDER BY time, bucket, operation, request_id, http_status, version_id
