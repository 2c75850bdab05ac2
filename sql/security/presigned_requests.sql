-- /// report
-- title = "Presigned URLs"
-- question = "In whose name are presigned URLs used, for what, and from how many addresses?"
-- note = "No principal: the URL had expired, or its signature was wrong."
-- chart = { kind = "bar", label = "principal", value = "requests" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many principals and operations"
-- ///
SELECT
    principal(requester) AS principal,
    bucket,
    operation,
    count(*) AS requests,
    count(*) FILTER (WHERE failed(operation, http_status, error_code)) AS failed,
    count(DISTINCT key) AS keys,
    count(DISTINCT remote_ip) AS addresses,
    total(bytes_sent) AS bytes_sent,
    max(time) AS last_time
FROM requests
WHERE authentication_type = 'QueryString'
GROUP BY principal, bucket, operation
ORDER BY requests DESC, principal, bucket, operation
LIMIT $limit
