-- /// report
-- title = "Downloads by address"
-- question = "Which addresses request objects most often?"
-- chart = { kind = "bar", label = "remote_ip", value = "requests" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many addresses"
-- ///
SELECT
    remote_ip,
    count(*) AS requests,
    total(bytes_sent) AS bytes_sent
FROM website_requests
WHERE remote_ip IS NOT NULL
GROUP BY remote_ip
ORDER BY requests DESC, remote_ip
LIMIT $limit
