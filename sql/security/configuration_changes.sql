-- /// report
-- title = "Changes of bucket configuration"
-- question = "Who changed (or tried to change) a bucket's policy, ACL, logging, lifecycle, versioning, public-access block or another setting?"
-- dashboard = { section = "Security", position = 3 }
-- ///
SELECT
    time,
    bucket,
    operation,
    http_status,
    error_code,
    requester,
    remote_ip,
    user_agent,
    request_id
FROM access_log
WHERE key IS NULL
    AND split_part(operation, '.', 2) IN ('PUT', 'POST', 'DELETE', 'PATCH')
    AND operation NOT LIKE 'BATCH.%'
    AND split_part(operation, '.', 3) NOT IN ('OBJECT', 'PART', 'UPLOAD', 'UPLOADS', 'MULTI_OBJECT_DELETE', 'PREFLIGHT')
ORDER BY time, bucket, operation, request_id
