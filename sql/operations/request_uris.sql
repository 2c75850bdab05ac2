-- /// report
-- title = "Request lines"
-- question = "Which request lines (method, target and protocol) are sent most often, and with which result?"
-- chart = { kind = "bar", label = "request_uri", value = "requests" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many request lines"
-- ///
SELECT
    request_uri,
    count(*) AS requests,
    count(*) FILTER (WHERE succeeded(operation, http_status)) AS successful,
    count(*) FILTER (WHERE failed(operation, http_status, error_code)) AS failed
FROM requests
WHERE request_uri IS NOT NULL
GROUP BY request_uri
ORDER BY requests DESC, request_uri
LIMIT $limit
