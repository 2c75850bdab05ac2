-- /// report
-- title = "Requests by day"
-- question = "How many requests for objects, from how many visitors (address and user agent), came each day (UTC)?"
-- chart = { kind = "line", label = "date", value = "requests" }
-- dashboard = { section = "Website", position = 1 }
-- ///
SELECT
    date,
    total(n) AS requests,
    count(remote_ip) AS visitors,
    total(sent) AS bytes_sent
FROM (
    SELECT date, remote_ip, user_agent, count(*) AS n, sum(bytes_sent) AS sent
    FROM website_requests
    GROUP BY ALL
)
GROUP BY date
ORDER BY date
