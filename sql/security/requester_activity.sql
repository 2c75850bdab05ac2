-- /// report
-- title = "Everything that one requester did"
-- question = "What did one user, role or account do, and when (UTC)?"
--
-- [params.requester]
-- type = "string"
-- help = "an ARN or a canonical user id as other reports have it; of a role with or without the session"
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
    remote_ip,
    user_agent,
    request_id
FROM access_log
WHERE requester = $requester OR principal(requester) = $requester
ORDER BY time, bucket, operation, key, request_id, http_status, version_id
