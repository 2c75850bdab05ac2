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
WITH keyed AS NOT MATERIALIZED (  -- to read the records twice is less than to keep them
    SELECT
        bucket,
        folder_of(key, $prefix) AS prefix,
        time,
        operation,
        error_code
    FROM requests
    WHERE starts_with(key, $prefix)
),
seconds AS (
    SELECT bucket, prefix, time, count(*) AS number, count(*) FILTER (WHERE error_code = 'SlowDown') AS slow_down
    FROM keyed
    GROUP BY bucket, prefix, time
),
busiest AS (
    SELECT
        bucket,
        prefix,
        total(number) AS requests,
        total(seconds.slow_down) AS slow_down,
        max(number) AS per_second,
        arg_max(time, (number, -epoch(time))) AS time
    FROM seconds
    GROUP BY bucket, prefix
    ORDER BY per_second DESC, requests DESC, bucket, prefix
    LIMIT $limit
)
SELECT
    bucket,
    prefix,
    any_value(requests) AS requests,
    any_value(slow_down) AS slow_down,
    any_value(per_second) AS per_second,
    count(*) FILTER (WHERE NOT is_change(operation)) AS reads_per_second,
    count(*) FILTER (WHERE is_change(operation)) AS writes_per_second,
    time AS busiest_second
FROM keyed
JOIN busiest USING (bucket, prefix, time)
GROUP BY bucket, prefix, time
ORDER BY per_second DESC, requests DESC, bucket, prefix
