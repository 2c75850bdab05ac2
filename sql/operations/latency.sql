-- /// report
-- title = "Latency by operation"
-- question = "How long do operations take, in milliseconds: in all (total), and until the first byte (turn-around)? Median, 95th and 99th percentile."
-- chart = { kind = "bar", label = "operation", value = "total_p95" }
-- dashboard = { section = "Operations", position = 1 }
-- ///
SELECT
    operation,
    requests,
    total[1] AS total_p50,
    total[2] AS total_p95,
    total[3] AS total_p99,
    longest,
    turn_around[1] AS turn_around_p50,
    turn_around[2] AS turn_around_p95,
    turn_around[3] AS turn_around_p99
FROM (
    SELECT
        operation,
        count(*) AS requests,
        max(total_time) AS longest,
        quantile_disc(total_time, [0.5, 0.95, 0.99]) AS total,
        quantile_disc(turn_around_time, [0.5, 0.95, 0.99]) AS turn_around
    FROM access_log
    WHERE total_time IS NOT NULL
    GROUP BY operation
)
ORDER BY requests DESC, operation
