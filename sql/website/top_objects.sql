-- /// report
-- title = "Most requested objects"
-- question = "Which objects do visitors request most often, and do they get them? Equal keys of several buckets count as one; --bucket tells them apart."
-- chart = { kind = "pie", label = "key", value = "requests" }
-- dashboard = { section = "Website", position = 2 }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many objects"
-- ///
SELECT
    key,
    count(*) AS requests,
    count(*) FILTER (WHERE http_status < 400) AS successful,
    count(*) FILTER (WHERE http_status >= 400) AS failed
FROM website_requests
WHERE key IS NOT NULL
GROUP BY key
ORDER BY requests DESC, key
LIMIT $limit
