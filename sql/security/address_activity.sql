-- /// report
-- title = "Everything from one address"
-- question = "What was requested from one address, and when (UTC)?"
--
-- [params.remote_ip]
-- type = "string"
-- help = "the address as it is in the lake"
-- ///
SELECT
    time,
    bucket,
    operation,
    key,
    http_status,
    error_code,
    bytes_sent,
    requester,
    user_agent,
    request_id
FROM access_log
WHERE remote_ip = $remote_ip
ORDER BY time, bucket, operation, key, request_id, http_status, version_id
