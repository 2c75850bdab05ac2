-- /// report
-- title = "Slowest objects"
-- question = "Which objects take longest to send (200, 206), in milliseconds (median, 95th and 99th percentile of the total time)?"
-- chart = { kind = "bar", label = "key", value = "p95" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many objects"
--
-- [params.requests]
-- type = "integer"
-- default = 10
-- help = "leave out objects with fewer requests"
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
    bucket,
    requests,
    times[1] AS p50,
    times[2] AS p95,
    times[3] AS p99,
    longest,
    object_size
FROM (
    SELECT
        key,
        bucket,
        count(*) AS requests,
        quantile_disc(total_time, [0.5, 0.95, 0.99]) AS times,
        max(total_time) AS longest,
        arg_max(object_size, time) AS object_size
    FROM website_requests_of($people, $pages)
    WHERE http_status IN (200, 206) AND total_time IS NOT NULL
    GROUP BY key, bucket
)
WHERE requests >= $requests
ORDER BY p95 DESC, p50 DESC, key, bucket
LIMIT $limit
