-- /// report
-- title = "Downloads that broke off"
-- question = "Of which objects was less sent than there is, though all of it was requested (200), and how often? The percentage is of all such requests (200) for the object, the bytes are of those that broke off."
-- note = "Clients that close the connection early, or lose it; AWS charges what was on its way by then, which may be more than the log says. Equal keys of several buckets count as one; --bucket tells them apart."
-- chart = { kind = "bar", label = "key", value = "broken_off" }
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
    requests,
    broken_off,
    percentage(broken_off, requests) AS broken_off_percent,
    bytes_sent
FROM (
    SELECT
        key,
        count(*) AS requests,
        count(*) FILTER (WHERE coalesce(bytes_sent, 0) < object_size) AS broken_off,
        total(CASE WHEN coalesce(bytes_sent, 0) < object_size THEN bytes_sent END) AS bytes_sent
    FROM website_requests_of($people, $pages)
    WHERE http_status = 200
    GROUP BY key
)
WHERE broken_off > 0
ORDER BY broken_off DESC, bytes_sent DESC, key
LIMIT $limit
