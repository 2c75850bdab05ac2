-- /// report
-- title = "Attempts at log injection"
-- question = "Which requests carry text that is made, or apt, to forge or break log lines: quotes, a time stamp, bytes that are no text?"
-- dashboard = { section = "Security", position = 9 }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many requests, the newest first"
-- ///
SELECT
    time,
    bucket,
    parse_note,
    remote_ip,
    requester,
    http_status,
    request_uri,
    referrer,
    user_agent,
    request_id
FROM access_log
WHERE parse_note IN ('ambiguous', 'replaced_bytes', 'unescaped_quote')
ORDER BY time DESC, bucket, request_id, key, request_uri
LIMIT $limit
