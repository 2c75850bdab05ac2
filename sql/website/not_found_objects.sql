-- /// report
-- title = "Objects not found"
-- question = "Which objects are requested that do not exist (404)?"
-- note = "Website endpoints say 404 of a missing object; the REST interface says 403, not 404, to those who may not list the bucket. Equal keys of several buckets count as one."
-- chart = { kind = "bar", label = "key", value = "requests" }
-- dashboard = { section = "Website", position = 7 }
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
    count(DISTINCT remote_ip) AS addresses,
    max(time) AS last_time
FROM website_requests_of($people, $pages)
WHERE http_status = 404
GROUP BY key
ORDER BY requests DESC, key
LIMIT $limit
