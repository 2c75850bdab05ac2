-- /// report
-- title = "Changes of bucket configuration"
-- question = "Who changed (or tried to change) a bucket's policy, ACL, logging, lifecycle, versioning, public-access block or another setting?"
-- note = "What is set for the whole account, for access points or by Access Grants is in no bucket's log: see CloudTrail. Permissions of single objects: see security/object_permissions."
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
FROM requests
WHERE key IS NULL AND is_configuration_change(operation)
ORDER BY time, bucket, operation, request_id
