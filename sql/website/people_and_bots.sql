-- /// report
-- title = "People and bots"
-- question = "How much of each day's traffic comes from people, how much from bots and programs?"
-- chart = { kind = "line", label = "date", value = "requests", series = "kind" }
-- dashboard = { section = "Website", position = 4 }
-- ///
SELECT
    date,
    kind,
    total(n) AS requests,
    total(sent) AS bytes_sent
FROM (
    SELECT date, user_agent, count(*) AS n, sum(bytes_sent) AS sent
    FROM website_requests
    GROUP BY ALL
) AS visits
JOIN user_agents ON visits.user_agent IS NOT DISTINCT FROM user_agents.user_agent
GROUP BY date, kind
ORDER BY date, kind
