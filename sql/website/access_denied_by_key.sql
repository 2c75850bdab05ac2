-- /// report
-- title = "Access denied, by object"
-- question = "Which objects are refused (403) most often? Equal keys of several buckets count as one; --bucket tells them apart."
-- chart = { kind = "bar", label = "key", value = "requests" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many objects"
-- ///
SELECT
    key,
    count(*) AS requests
FROM access_log
WHERE http_status = 403
GROUP BY key
ORDER BY requests DESC, key
LIMIT $limit
