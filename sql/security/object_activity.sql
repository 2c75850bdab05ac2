-- /// report
-- title = "Everyone who touched one object"
-- question = "Who did what to one object, lifecycle rules included, and when (UTC)?"
--
-- [params.key]
-- type = "string"
-- help = "the object's key, also as it is in a URL: with escapes, a slash before it, or the URL itself"
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
WHERE key = key_meant($key)
ORDER BY time, bucket, operation, request_id, http_status, version_id
