-- /// report
-- title = "User agents"
-- question = "Which browsers, bots and programs request objects?"
-- chart = { kind = "bar", label = "family", value = "requests", series = "kind" }
-- dashboard = { section = "Website", position = 5 }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many families"
-- ///
SELECT
    kind,
    family,
    total(n) AS requests,
    count(DISTINCT remote_ip) AS addresses,
    total(sent) AS bytes_sent
FROM (
    SELECT user_agent, remote_ip, count(*) AS n, sum(bytes_sent) AS sent
    FROM website_requests
    GROUP BY ALL
) AS visits
JOIN user_agents ON visits.user_agent IS NOT DISTINCT FROM user_agents.user_agent
GROUP BY kind, family
ORDER BY requests DESC, kind, family
LIMIT $limit
