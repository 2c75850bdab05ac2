-- /// report
-- title = "Bytes by object"
-- question = "Which objects account for most of the bytes that were sent of objects?"
-- note = "Equal keys of several buckets count as one; --bucket tells them apart."
-- chart = { kind = "bar", label = "key", value = "bytes_sent" }
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
    total(bytes_sent) AS bytes_sent,
    percentage(total(bytes_sent), sum(total(bytes_sent)) OVER ()) AS bytes_percent,
    count(*) AS requests,
    arg_max(object_size, time) AS object_size
FROM website_requests_of($people, $pages)
WHERE key IS NOT NULL
GROUP BY key
ORDER BY bytes_sent DESC, key
LIMIT $limit
