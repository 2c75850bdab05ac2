-- /// report
-- title = "Busiest prefixes"
-- question = "Which prefixes have the most requests within one second, and which of them does S3 throttle (SlowDown)?"
-- note = "S3 promises 3,500 writes and 5,500 reads per second and prefix. slow_down is of the whole period."
--
-- [params.prefix]
-- type = "string"
-- default = ""
-- help = "look below this prefix, such as photos/"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many prefixes"
-- ///
WITH seconds AS (
    SELECT
        bucket,
        $prefix || left(substr(key, length($prefix) + 1), instr(substr(key, length($prefix) + 1), '/')) AS prefix,
        time,
        count(*) AS requests,
        count(*) FILTER (WHERE split_part(operation, '.', 2) IN ('GET', 'HEAD')) AS reads,
        count(*) FILTER (WHERE split_part(operation, '.', 2) IN ('PUT', 'POST', 'COPY', 'DELETE')) AS writes,
        count(*) FILTER (WHERE error_code = 'SlowDown') AS slow_down
    FROM requests
    WHERE starts_with(key, $prefix)
    GROUP BY ALL
)
SELECT
    bucket,
    prefix,
    sum(requests)::BIGINT AS requests,
    sum(slow_down)::BIGINT AS slow_down,
    max(requests) AS per_second,
    arg_max(reads, (requests, -epoch(time))) AS reads_per_second,
    arg_max(writes, (requests, -epoch(time))) AS writes_per_second,
    arg_max(time, (requests, -epoch(time))) AS busiest_second
FROM seconds
GROUP BY bucket, prefix
ORDER BY per_second DESC, requests DESC, bucket, prefix
LIMIT $limit
