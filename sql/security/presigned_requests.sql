-- /// report
-- title = "Presigned URLs"
-- question = "In whose name are presigned URLs used, for what, and from how many addresses?"
-- chart = { kind = "bar", label = "requester", value = "requests" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many requesters and operations"
-- ///
SELECT
    requester,
    bucket,
    operation,
    count(*) AS requests,
    count(*) FILTER (WHERE http_status >= 400) AS failed,
    count(DISTINCT key) AS keys,
    count(DISTINCT remote_ip) AS addresses,
    total(bytes_sent) AS bytes_sent,
    max(time) AS last_time
FROM access_log
WHERE authentication_type = 'QueryString'
GROUP BY requester, bucket, operation
ORDER BY requests DESC, requester, bucket, operation
LIMIT $limit
