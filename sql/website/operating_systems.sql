-- /// report
-- title = "Operating systems"
-- question = "Which operating systems do people's browsers run on?"
-- chart = { kind = "pie", label = "system", value = "requests" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many systems"
-- ///
SELECT
    system,
    total(n) AS requests,
    count(DISTINCT remote_ip) AS addresses
FROM (
    SELECT user_agent, remote_ip, count(*) AS n
    FROM website_requests
    GROUP BY ALL
) AS visits
JOIN user_agents ON visits.user_agent IS NOT DISTINCT FROM user_agents.user_agent
WHERE kind = 'browser'
GROUP BY system
ORDER BY requests DESC, system
LIMIT $limit
