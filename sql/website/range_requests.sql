-- /// report
-- title = "Range requests"
-- question = "Which objects are read in pieces (206), and how many times over are they sent, whole responses (200) included?"
-- chart = { kind = "bar", label = "key", value = "range_requests" }
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
    bucket,
    count(*) AS requests,
    count(*) FILTER (WHERE http_status = 206) AS range_requests,
    total(bytes_sent) AS bytes_sent,
    arg_max(object_size, time) AS object_size,
    round(total(bytes_sent) / nullif(arg_max(object_size, time), 0), 2) AS copies_sent
FROM website_requests_of($people, $pages)
WHERE http_status IN (200, 206)
GROUP BY key, bucket
HAVING count(*) FILTER (WHERE http_status = 206) > 0
ORDER BY range_requests DESC, key, bucket
LIMIT $limit
