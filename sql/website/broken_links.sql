-- /// report
-- title = "Broken internal links"
-- question = "Which pages of the site itself link to objects that are not there (404)?"
-- note = "Website endpoints say 404 of a missing object; the REST interface says 403, not 404, to those who may not list the bucket."
-- dashboard = { section = "Website", position = 8 }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many links"
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
    key,
    total(n) AS requests,
    max(last_time) AS last_time
FROM (
    SELECT referrer, key, bucket, host_header, count(*) AS n, max(time) AS last_time
    FROM website_requests_of($people, $pages)
    WHERE http_status = 404 AND referrer IS NOT NULL
    GROUP BY ALL
)
WHERE is_own_site(referrer, bucket, host_header)
GROUP BY referrer, key
ORDER BY requests DESC, referrer, key
LIMIT $limit
