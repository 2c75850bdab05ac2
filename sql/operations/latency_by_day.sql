-- /// report
-- title = "Latency by day"
-- question = "How long do requests take that are answered (2xx), each day and in each bucket, in milliseconds: in all (total), and until the first byte (turn-around)? Median, 95th and 99th percentile."
-- note = "The total time is from the first byte of the request to the last byte of the response, so a large object or a slow client makes it longer; the turn-around time is what S3 itself took, from the last byte of the request to the first of the response. Both are of the requests that have both times; where none of a day has a turn-around time, total is of all. All operations together, unless one is named: a day with more large uploads is slower than others. Of many buckets, the busiest."
-- chart = { kind = "line", label = "date", value = "total_p95", series = "bucket" }
-- dashboard = { section = "Operations", position = 8 }
--
-- [params.operation]
-- type = "string"
-- default = ""
-- help = "only this operation, such as REST.GET.OBJECT"
--
-- [params.buckets]
-- type = "integer"
-- default = 6
-- help = "how many buckets, those with most of these requests"
-- ///
WITH answered AS (
    SELECT date, bucket, total_time, turn_around_time
    FROM requests
    WHERE http_status BETWEEN 200 AND 299 AND total_time IS NOT NULL
        AND ($operation = '' OR operation = $operation)
),
summaries AS (
    SELECT
        date,
        bucket,
        count(*) AS answered,
        count(turn_around_time) AS with_both,
        quantile_disc(total_time, [0.5, 0.95, 0.99]) FILTER (WHERE turn_around_time IS NOT NULL) AS total_of_both,
        quantile_disc(total_time, [0.5, 0.95, 0.99]) AS total,
        quantile_disc(turn_around_time, [0.5, 0.95, 0.99]) AS turn_around
    FROM answered
    GROUP BY date, bucket
),
busiest AS (
    SELECT bucket
    FROM summaries
    GROUP BY bucket
    ORDER BY sum(answered) DESC, bucket
    LIMIT $buckets
)
-- Not whole numbers, which a chart takes for counts: a day without any is not one with 0 ms.
SELECT
    date,
    bucket,
    CASE WHEN with_both > 0 THEN with_both ELSE answered END AS answered,
    coalesce(total_of_both, total)[1]::DOUBLE AS total_p50,
    coalesce(total_of_both, total)[2]::DOUBLE AS total_p95,
    coalesce(total_of_both, total)[3]::DOUBLE AS total_p99,
    turn_around[1]::DOUBLE AS turn_around_p50,
    turn_around[2]::DOUBLE AS turn_around_p95,
    turn_around[3]::DOUBLE AS turn_around_p99
FROM summaries
SEMI JOIN busiest USING (bucket)
ORDER BY date, bucket
