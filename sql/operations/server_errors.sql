-- /// report
-- title = "Server errors"
-- question = "Which requests failed because of S3 (5xx, which SlowDown is one of)? With the two ids that AWS Support needs."
-- dashboard = { section = "Operations", position = 4 }
-- ///
SELECT
    time,
    bucket,
    operation,
    key,
    http_status,
    error_code,
    request_id,
    host_id,
    remote_ip,
    user_agent
FROM requests
WHERE http_status >= 500
ORDER BY time, bucket, operation, key, request_id
