-- /// report
-- title = "Aborted uploads"
-- question = "Which multipart uploads were abandoned, by a lifecycle rule or by a request, and when (UTC)?"
-- ///
SELECT
    time,
    bucket,
    key,
    CASE operation WHEN 'S3.DELETE.UPLOAD' THEN 'rule' ELSE 'request' END AS aborted_by,
    requester
FROM access_log
WHERE operation = 'S3.DELETE.UPLOAD' OR (operation = 'REST.DELETE.UPLOAD' AND succeeded(operation, http_status))
ORDER BY time, bucket, key, aborted_by, requester, request_id
