-- /// report
-- title = "Delivery lag"
-- question = "How long after the request did AWS deliver its record (median, 95th and 99th percentile, worst), by day of the request?"
-- chart = { kind = "line", label = "date", value = "p95_minutes" }
-- dashboard = { section = "Operations", position = 5 }
-- ///
-- The time of delivery is that of the log object in the log bucket (of a copy, the copy's).
SELECT
    date,
    records,
    round(lags[1] / 60, 1) AS p50_minutes,
    round(lags[2] / 60, 1) AS p95_minutes,
    round(lags[3] / 60, 1) AS p99_minutes,
    round(longest / 60, 1) AS longest_minutes
FROM (
    SELECT
        access_log.date,
        count(*) AS records,
        quantile_disc(date_diff('second', time, last_modified), [0.5, 0.95, 0.99]) AS lags,
        max(date_diff('second', time, last_modified)) AS longest
    FROM access_log
    JOIN ledger USING (log_object)
    GROUP BY access_log.date
)
ORDER BY date
