-- /// report
-- title = "Hotlinked objects"
-- question = "Which pictures, sounds, films, fonts, style sheets and scripts do other sites show as their own, and at what cost in bytes?"
-- chart = { kind = "bar", label = "key", value = "bytes_sent" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many objects and sites"
--
-- [params.people]
-- type = "boolean"
-- default = false
-- help = "only requests of people's browsers, not those of bots and programs"
-- ///
SELECT
    key,
    host_of(referrer) AS site,
    total(n) AS requests,
    total(sent) AS bytes_sent
FROM (
    SELECT key, referrer, bucket, host_header, count(*) AS n, sum(bytes_sent) AS sent
    FROM website_requests_of($people, false)
    WHERE referrer IS NOT NULL
        AND is_answered(http_status)
        AND is_embedded(key)
    GROUP BY ALL
)
WHERE host_of(referrer) IS NOT NULL AND NOT is_own_site(referrer, bucket, host_header)
GROUP BY key, site
ORDER BY bytes_sent DESC, requests DESC, key, site
LIMIT $limit
