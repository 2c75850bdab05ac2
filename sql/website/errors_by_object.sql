-- /// report
-- title = "Errors by object"
-- question = "Requests for which objects fail most often, and whose fault is it: the client's (4xx) or S3's (5xx)? Equal keys of several buckets count as one; --bucket tells them apart."
-- chart = { kind = "bar", label = "key", value = "errors" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many objects"
-- ///
SELECT
    key,
    count(*) AS requests,
    count(*) FILTER (WHERE http_status >= 400) AS errors,
    count(*) FILTER (WHERE http_status BETWEEN 400 AND 499) AS client_errors,
    count(*) FILTER (WHERE http_status >= 500) AS server_errors,
    percentage(count(*) FILTER (WHERE http_status >= 400), count(*)) AS percent
FROM website_requests
GROUP BY key
HAVING count(*) FILTER (WHERE http_status >= 400) > 0
ORDER BY errors DESC, key
LIMIT $limit
