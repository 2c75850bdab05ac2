-- /// report
-- title = "Hosts"
-- question = "By which host names are objects requested?"
-- chart = { kind = "bar", label = "host_header", value = "requests" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many hosts"
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
    host_header,
    count(*) AS requests,
    count(*) FILTER (WHERE failed(operation, http_status, error_code)) AS failed,
    total(bytes_sent) AS bytes_sent
FROM website_requests_of($people, $pages)
GROUP BY host_header
ORDER BY requests DESC, host_header
LIMIT $limit
