-- /// report
-- title = "Access denied, by requester"
-- question = "Who is refused because they may not do it (403), for what, and why?"
-- note = "No principal: no credentials, or wrong ones. Objects that are archived and signatures that do not match are 403, too, but nobody's lack of permission. Of a multi-object delete, or a copy, each part that is refused has its operation."
-- chart = { kind = "bar", label = "principal", value = "requests" }
-- dashboard = { section = "Security", position = 1 }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many principals and operations"
-- ///
-- Records rather than requests: only that of a key tells that it was not to be deleted, or copied from.
SELECT
    principal(requester) AS principal,
    bucket,
    operation,
    error_code,
    count(DISTINCT request_id) AS requests,
    count(DISTINCT key) AS keys,
    count(DISTINCT remote_ip) AS addresses,
    max(time) AS last_time
FROM access_log
WHERE denied(http_status, error_code)
GROUP BY principal, bucket, operation, error_code
ORDER BY requests DESC, principal, bucket, operation, error_code
LIMIT $limit
