-- /// report
-- title = "Permissions of objects"
-- question = "Who changed (or tried to change) the ACL, tags, retention or legal hold of which object, and when (UTC)?"
-- note = "An upload may set them, too, which the log does not tell. Those of buckets: see security/configuration_changes."
-- ///
SELECT
    time,
    bucket,
    key,
    version_id,
    operation,
    http_status,
    error_code,
    requester,
    remote_ip,
    user_agent,
    request_id
FROM requests
WHERE key IS NOT NULL AND is_change(operation)
    AND split_part(operation, '.', 3) IN ('ACL', 'OBJECT_TAGGING', 'TAGGING', 'RETENTION', 'LEGAL_HOLD')
ORDER BY time, bucket, key, operation, request_id
