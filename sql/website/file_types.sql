-- /// report
-- title = "File types"
-- question = "Which kinds of files, told by the ends of their keys, are requested?"
-- chart = { kind = "pie", label = "extension", value = "requests" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many kinds"
--
-- [params.people]
-- type = "boolean"
-- default = false
-- help = "only requests of people's browsers, not those of bots and programs"
-- ///
SELECT
    nullif(lower(regexp_extract(key, '\.([A-Za-z0-9]{1,10})$', 1)), '') AS extension,
    total(n) AS requests,
    total(failed) AS failed,
    total(sent) AS bytes_sent
FROM (
    SELECT
        key,
        count(*) AS n,
        count(*) FILTER (WHERE failed(operation, http_status, error_code)) AS failed,
        sum(bytes_sent) AS sent
    FROM website_requests_of($people, false)
    GROUP BY key
)
GROUP BY extension
ORDER BY requests DESC, extension
LIMIT $limit
