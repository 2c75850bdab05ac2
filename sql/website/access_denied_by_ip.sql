-- /// report
-- title = "Access denied, by address"
-- question = "Which addresses are refused (403) most often?"
-- chart = { kind = "bar", label = "remote_ip", value = "requests" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many addresses"
-- ///
SELECT
    remote_ip,
    count(*) AS requests
FROM access_log
WHERE http_status = 403
GROUP BY remote_ip
ORDER BY requests DESC, remote_ip
LIMIT $limit
