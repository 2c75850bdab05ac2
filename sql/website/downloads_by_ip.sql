-- /// report
-- title = "Downloads by address"
-- question = "Which addresses were sent objects, or parts of them (200, 206), most often, and at how many requests?"
-- note = "Each part of a download in parts counts. Addresses of CloudFront stand for many people."
-- chart = { kind = "bar", label = "remote_ip", value = "downloads" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many addresses"
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
    remote_ip,
    count(*) FILTER (WHERE http_status IN (200, 206)) AS downloads,
    count(*) AS requests,
    total(bytes_sent) AS bytes_sent
FROM website_requests_of($people, $pages)
WHERE remote_ip IS NOT NULL
GROUP BY remote_ip
ORDER BY downloads DESC, requests DESC, remote_ip
LIMIT $limit
