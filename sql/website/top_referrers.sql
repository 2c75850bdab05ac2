-- /// report
-- title = "Referring sites"
-- question = "Which other sites send visitors?"
-- chart = { kind = "bar", label = "site", value = "requests" }
-- dashboard = { section = "Website", position = 6 }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many sites"
-- ///
SELECT
    host_of(referrer) AS site,
    total(n) AS requests,
    count(DISTINCT referrer) AS pages,
    total(sent) AS bytes_sent
FROM (
    SELECT referrer, bucket, host_header, count(*) AS n, sum(bytes_sent) AS sent
    FROM website_requests
    WHERE referrer IS NOT NULL
    GROUP BY ALL
)
WHERE host_of(referrer) IS NOT NULL AND NOT is_own_site(referrer, bucket, host_header)
GROUP BY site
ORDER BY requests DESC, site
LIMIT $limit
