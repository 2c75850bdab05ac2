-- /// report
-- title = "Busiest prefixes"
-- question = "Which prefixes have the most requests within one minute? S3 promises 3,500 writes and 5,500 reads per second and prefix."
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
SELECT
    bucket,
    prefix,
    max(requests) AS requests,
    arg_max(reads, (requests, -epoch(minute))) AS reads,
    arg_max(writes, (requests, -epoch(minute))) AS writes,
    arg_max(slow_down, (requests, -epoch(minute))) AS slow_down,
    arg_max(minute, (requests, -epoch(minute))) AS minute
FROM (
    SELECT
        bucket,
        $prefix || left(substr(key, length($prefix) + 1), instr(substr(key, length($prefix) + 1), '/')) AS prefix,
        date_trunc('minute', time) AS minute,
        count(*) AS requests,
        count(*) FILTER (WHERE split_part(operation, '.', 2) IN ('GET', 'HEAD') OR operation LIKE '%.COPY.%_GET') AS reads,
        count(*) FILTER (
            WHERE split_part(operation, '.', 2) IN ('PUT', 'POST', 'COPY', 'DELETE') AND operation NOT LIKE '%.COPY.%_GET'
        ) AS writes,
        count(*) FILTER (WHERE error_code = 'SlowDown') AS slow_down
    FROM access_log
    WHERE is_request(operation) AND starts_with(key, $prefix)
    GROUP BY ALL
)
GROUP BY bucket, prefix
ORDER BY requests DESC, bucket, prefix
LIMIT $limit
