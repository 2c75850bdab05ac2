-- /// report
-- title = "Requests by hour"
-- question = "How many requests for objects, from how many visitors (address and user agent), came each hour (UTC)?"
-- chart = { kind = "line", label = "hour", value = "requests" }
-- ///
SELECT
    hour,
    total(n) AS requests,
    count(remote_ip) AS visitors,
    total(sent) AS bytes_sent
FROM (
    SELECT date_trunc('hour', time) AS hour, remote_ip, user_agent, count(*) AS n, sum(bytes_sent) AS sent
    FROM website_requests
    GROUP BY ALL
)
GROUP BY hour
ORDER BY hour
