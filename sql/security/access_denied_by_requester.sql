-- /// report
-- title = "Access denied, by requester"
-- question = "Who is refused (403), for what, and why? No requester: no credentials."
-- chart = { kind = "bar", label = "requester", value = "requests" }
-- dashboard = { section = "Security", position = 1 }
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
    error_code,
    count(*) AS requests,
    count(DISTINCT key) AS keys,
    count(DISTINCT remote_ip) AS addresses,
    max(time) AS last_time
FROM access_log
WHERE http_status = 403
GROUP BY requester, bucket, operation, error_code
ORDER BY requests DESC, requester, bucket, operation, error_code
LIMIT $limit
