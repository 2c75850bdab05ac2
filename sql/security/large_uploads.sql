-- /// report
-- title = "Large uploads"
-- question = "Which single uploads were larger than others, and whose were they?"
--
-- [params.bytes]
-- type = "integer"
-- default = 50000000
-- help = "how many bytes are large"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many uploads, the largest first"
-- ///
SELECT
    time,
    bucket,
    key,
    object_size,
    requester,
    remote_ip,
    user_agent,
    request_id
FROM requests
WHERE is_write(operation) AND succeeded(operation, http_status) AND object_size >= $bytes
ORDER BY object_size DESC, time, bucket, key, request_id
LIMIT $limit
