-- /// report
-- title = "File types"
-- question = "Which kinds of files, told by the ends of their keys, do visitors request?"
-- chart = { kind = "pie", label = "extension", value = "requests" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many kinds"
-- ///
SELECT
    nullif(lower(regexp_extract(key, '\.([A-Za-z0-9]{1,10})$', 1)), '') AS extension,
    total(n) AS requests,
    total(failures) AS failed,
    total(sent) AS bytes_sent
FROM (
    SELECT key, count(*) AS n, count(*) FILTER (WHERE http_status >= 400) AS failures, sum(bytes_sent) AS sent
    FROM website_requests
    GROUP BY key
)
GROUP BY extension
ORDER BY requests DESC, extension
LIMIT $limit
