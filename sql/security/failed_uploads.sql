-- /// report
-- title = "Failed uploads"
-- question = "Whose attempts to write objects failed, and why?"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many requesters and reasons"
-- ///
SELECT
    bucket,
    requester,
    operation,
    http_status,
    error_code,
    count(*) AS requests,
    count(DISTINCT key) AS keys,
    count(DISTINCT remote_ip) AS addresses,
    max(time) AS last_time
FROM access_log
WHERE (is_write(operation) OR operation IN ('REST.PUT.PART', 'REST.POST.UPLOADS', 'REST.COPY.PART')) AND http_status >= 400
GROUP BY bucket, requester, operation, http_status, error_code
ORDER BY requests DESC, bucket, requester, operation, http_status, error_code
LIMIT $limit
