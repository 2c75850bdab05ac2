-- /// report
-- title = "Most requested objects"
-- question = "Which objects are requested most often, and how many of the requests are successful?"
-- note = "Neither successful nor failed: redirects, and archived objects. Equal keys of several buckets count as one."
-- chart = { kind = "pie", label = "key", value = "requests" }
-- dashboard = { section = "Website", position = 2 }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many objects"
--
-- [params.people]
-- type = "boolean"
-- default = false
-- help = "only requests of people's browsers, not those of bots and programs"
--
-- [params.pages]
-- type = "boolean"
-- default = false
-- help = "only requests for pages, not for what they load"
-- ///
SELECT
    key,
    count(*) AS requests,
    count(*) FILTER (WHERE succeeded(operation, http_status)) AS successful,
    count(*) FILTER (WHERE failed(operation, http_status, error_code)) AS failed
FROM website_requests_of($people, $pages)
WHERE key IS NOT NULL
GROUP BY key
ORDER BY requests DESC, key
LIMIT $limit
