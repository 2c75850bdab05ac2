-- /// report
-- title = "Restores"
-- question = "Which archived objects were to be restored (REST.POST.RESTORE), by whom, and which were (S3.RESTORE.OBJECT)?"
-- ///
SELECT
    time,
    bucket,
    key,
    version_id,
    operation,
    http_status,
    error_code,
    requester
FROM access_log
WHERE operation IN ('REST.POST.RESTORE', 'S3.RESTORE.OBJECT')
ORDER BY time, bucket, key, operation, version_id, request_id
