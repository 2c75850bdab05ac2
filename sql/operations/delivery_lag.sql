-- /// report
-- title = "Delivery lag"
-- question = "How long after the request did AWS deliver its record (median, 95th and 99th percentile, worst), by day of the request?"
-- note = "The time of delivery is in the name of a log object, also of a copy. Where it is not (in folders by the time of events), it is when S3 stored the object; of local files nothing tells then, and the lag is NULL."
-- chart = { kind = "line", label = "date", value = "p95_minutes" }
-- dashboard = { section = "Operations", position = 5 }
-- ///
SELECT
    date,
    records,
    round(lags[1] / 60, 1) AS p50_minutes,
    round(lags[2] / 60, 1) AS p95_minutes,
    round(lags[3] / 60, 1) AS p99_minutes,
    round(longest / 60, 1) AS longest_minutes
FROM (
    SELECT date, count(*) AS records, quantile_disc(lag, [0.5, 0.95, 0.99]) AS lags, max(lag) AS longest
    FROM (
        SELECT
            access_log.date,
            CASE WHEN delivered_at >= time THEN date_diff('second', time, delivered_at) END AS lag
        FROM access_log
        JOIN ledger USING (log_object)
    )
    GROUP BY date
)
ORDER BY date
