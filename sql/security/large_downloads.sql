-- /// report
-- title = "Large downloads"
-- question = "Which single responses were larger than others, and who got them?"
-- dashboard = { section = "Security", position = 7 }
--
-- [params.bytes]
-- type = "integer"
-- default = 50000000
-- help = "how many bytes are large"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many responses, the largest first"
-- ///
SELECT
    time,
    bucket,
    key,
    bytes_sent,
    requester,
    remote_ip,
    user_agent,
    request_id
FROM access_log
WHERE bytes_sent >= $bytes
ORDER BY bytes_sent DESC, time, bucket, key, request_id
LIMIT $limit
