-- /// report
-- title = "Restores"
-- question = "Which archived objects were to be restored, by whom, and with which result?"
-- note = "Status 202: a restore began, which takes minutes to days. 200: the object had been restored already, and stays so for longer. Whether and when a restore was done is told by S3 Event Notifications; records of S3.RESTORE.OBJECT have been seen, but are not on AWS's list of logged operations."
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
WHERE is_restore(operation)
ORDER BY time, bucket, key, operation, version_id, request_id
