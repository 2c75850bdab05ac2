-- /// report
-- title = "Latency by operation"
-- question = "How long do requests take that are answered (2xx), in milliseconds: in all (total), and until the first byte (turn-around)? Median, 95th and 99th percentile."
-- note = "Both are of the requests that have both times; where none of an operation has a turn-around time, total is of all. Failed requests, which are often quick, are apart."
-- chart = { kind = "bar", label = "operation", value = "total_p95" }
-- dashboard = { section = "Operations", position = 1 }
-- ///
WITH timed AS (
    SELECT
        operation,
        total_time,
        turn_around_time,
        http_status BETWEEN 200 AND 299 AS is_answered,
        failed(operation, http_status, error_code) AS has_failed
    FROM requests
    WHERE total_time IS NOT NULL
),
summaries AS (
    SELECT
        operation,
        count(turn_around_time) FILTER (WHERE is_answered) AS with_both,
        count(*) FILTER (WHERE is_answered) AS answered,
        quantile_disc(total_time, [0.5, 0.95, 0.99, 1]) FILTER (WHERE is_answered AND turn_around_time IS NOT NULL) AS total_of_both,
        quantile_disc(total_time, [0.5, 0.95, 0.99, 1]) FILTER (WHERE is_answered) AS total,
        quantile_disc(turn_around_time, [0.5, 0.95, 0.99]) FILTER (WHERE is_answered) AS turn_around,
        count(*) FILTER (WHERE has_failed) AS failed,
        quantile_disc(total_time, 0.5) FILTER (WHERE has_failed) AS failed_p50
    FROM timed
    GROUP BY operation
)
SELECT
    operation,
    CASE WHEN with_both > 0 THEN with_both ELSE answered END AS answered,
    coalesce(total_of_both, total)[1] AS total_p50,
    coalesce(total_of_both, total)[2] AS total_p95,
    coalesce(total_of_both, total)[3] AS total_p99,
    coalesce(total_of_both, total)[4] AS longest,
    turn_around[1] AS turn_around_p50,
    turn_around[2] AS turn_around_p95,
    turn_around[3] AS turn_around_p99,
    failed,
    failed_p50
FROM summaries
ORDER BY answered DESC, failed DESC, operation
