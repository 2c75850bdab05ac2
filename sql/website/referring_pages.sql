-- /// report
-- title = "Referring pages"
-- question = "From which pages, of the site itself or of others, do requests come?"
-- chart = { kind = "bar", label = "referrer", value = "requests" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many pages"
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
    referrer,
    count(*) AS requests,
    count(DISTINCT key) AS objects,
    total(bytes_sent) AS bytes_sent
FROM website_requests_of($people, $pages)
WHERE referrer IS NOT NULL
GROUP BY referrer
ORDER BY requests DESC, referrer
LIMIT $limit
