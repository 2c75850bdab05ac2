-- /// report
-- title = "Referring sites"
-- question = "Which other sites send visitors, and which show pictures and the like of this one as their own?"
-- note = "Only visits count: requests that were answered. Who opens a picture by a link counts as an embedding."
-- chart = { kind = "bar", label = "site", value = "visits" }
-- dashboard = { section = "Website", position = 6 }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many sites"
--
-- [params.people]
-- type = "boolean"
-- default = false
-- help = "only requests of people's browsers, not those of bots and programs"
-- ///
SELECT
    host_of(referrer) AS site,
    total(visits) AS visits,
    total(embeddings) AS embeddings,
    count(DISTINCT referrer) AS pages,
    total(sent) AS bytes_sent
FROM (
    SELECT
        referrer,
        bucket,
        host_header,
        count(*) FILTER (WHERE NOT is_embedded(key)) AS visits,
        count(*) FILTER (WHERE is_embedded(key)) AS embeddings,
        sum(bytes_sent) AS sent
    FROM website_requests_of($people, false)
    WHERE referrer IS NOT NULL AND is_visit(operation, requester, authentication_type, http_status)
    GROUP BY ALL
)
WHERE host_of(referrer) IS NOT NULL AND NOT is_own_site(referrer, bucket, host_header)
GROUP BY site
ORDER BY visits DESC, embeddings DESC, site
LIMIT $limit
