-- /// report
-- title = "Failed uploads"
-- question = "Whose attempts to write objects failed, and why?"
-- note = "No principal: no credentials, or wrong ones."
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many principals and reasons"
-- ///
SELECT
    bucket,
    principal(requester) AS principal,
    operation,
    http_status,
    error_code,
    count(*) AS requests,
    count(DISTINCT key) AS keys,
    count(DISTINCT remote_ip) AS addresses,
    max(time) AS last_time
FROM requests
WHERE is_upload(operation) AND failed(operation, http_status, error_code)
GROUP BY bucket, principal, operation, http_status, error_code
ORDER BY requests DESC, bucket, principal, operation, http_status, error_code
LIMIT $limit
