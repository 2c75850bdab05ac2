-- /// report
-- title = "Errors by object"
-- question = "Requests for which objects fail most often, and whose fault is it: the client's (4xx) or S3's (5xx)?"
-- note = "Percent of all requests for the object. What S3 says of archived objects (403) is no failure. Equal keys of several buckets count as one; --bucket tells them apart."
-- chart = { kind = "bar", label = "key", value = "failed" }
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
    client_errors + server_errors AS failed,
    client_errors,
    server_errors,
    percentage(client_errors + server_errors, requests) AS error_percent
FROM (
    SELECT
        key,
        count(*) AS requests,
        count(*) FILTER (WHERE failed(operation, http_status, error_code) AND http_status < 500) AS client_errors,
        count(*) FILTER (WHERE failed(operation, http_status, error_code) AND http_status >= 500) AS server_errors
    FROM website_requests_of($people, $pages)
    GROUP BY key
)
WHERE client_errors + server_errors > 0
ORDER BY failed DESC, key
LIMIT $limit
