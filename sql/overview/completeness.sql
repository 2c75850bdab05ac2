-- /// report
-- title = "Completeness of each bucket"
-- question = "Are the records of each bucket complete since its first one, or are there days and hours without any in which there should be some?"
-- note = "gaps: a day or an hour has no record, though there always were many: on nine of ten other days of the kind (Monday to Friday, or Saturday and Sunday), and at that hour of nine of ten. ended: no more records since last_time, though the lake has newer ones of other buckets. unknown: too few requests, or too few days, to tell a gap from a time without requests. complete: none of these, as far as days and hours can be judged (days_judged_percent, hours_judged_percent); a part of the records that is missing from an hour is not seen. What looks like a gap may be a holiday, or a program that did not run. The lag of delivery is the 95th percentile, in minutes, NULL where nothing tells when log objects were delivered. operations/completeness has each day."
-- dashboard = { section = "Overview", position = 4, history = true }
--
-- [params.records]
-- type = "integer"
-- default = 10
-- help = "how many records of a day or an hour are many"
-- ///
WITH hours AS (
    SELECT bucket, date, hour(time) AS hour, count(*) AS n, min(time) AS first_time, max(time) AS last_time
    FROM access_log
    WHERE is_possible_day(date)
    GROUP BY bucket, date, hour
),
buckets AS (
    SELECT
        bucket,
        min(date) AS first_day,
        max(date) AS last_day,
        total(n) AS records,
        min(first_time) AS first_time,
        max(last_time) AS last_time
    FROM hours
    GROUP BY bucket
),
calendar AS (  -- the newest day of the lake is not over
    SELECT bucket, unnest(generate_series(first_day, greatest(last_day, newest_day() - 1), INTERVAL 1 DAY))::DATE AS date
    FROM buckets
),
days AS (  -- days without records that follow each other have the same number of days with records before them
    SELECT
        bucket,
        date,
        isodow(date) > 5 AS is_weekend,
        coalesce(n, 0) AS n,
        count(n) OVER (PARTITION BY bucket ORDER BY date) AS run
    FROM calendar
    LEFT JOIN (SELECT bucket, date, total(n) AS n FROM hours GROUP BY bucket, date) USING (bucket, date)
),
kinds_of_day AS (
    SELECT
        bucket,
        is_weekend,
        count(*) FILTER (WHERE n >= $records) AS busy,
        -- Days that follow each other count once, or a long gap would look like a habit; the one that is judged, not.
        greatest(count(DISTINCT run) FILTER (WHERE n = 0) - 1, 0) AS other_gaps,
        busy >= 3 AND busy >= 0.9 * (busy + other_gaps) AS is_judged
    FROM days
    GROUP BY bucket, is_weekend
),
judged_days AS (
    SELECT
        bucket,
        100 * avg(is_judged::INTEGER) AS judged_percent,
        count(*) FILTER (WHERE is_judged AND n = 0 AND date < last_day) AS missing,
        max(date) FILTER (WHERE is_judged AND n = 0 AND date < last_day) AS last_missing,
        coalesce(bool_or(is_judged AND date > last_day), false) AS has_ended
    FROM days
    JOIN kinds_of_day USING (bucket, is_weekend)
    JOIN buckets USING (bucket)
    GROUP BY bucket
),
possible_hours AS (  -- from the bucket's first record to its last, on days that have any
    SELECT bucket, date, is_weekend, date + to_hours(hour) AS time, hour, coalesce(hours.n, 0) AS n
    FROM (SELECT bucket, date, is_weekend, unnest(range(24)) AS hour FROM days WHERE n > 0)
    JOIN buckets USING (bucket)
    LEFT JOIN hours USING (bucket, date, hour)
    WHERE date + to_hours(hour) BETWEEN date_trunc('hour', buckets.first_time) AND buckets.last_time
),
kinds_of_hour AS (
    SELECT
        bucket,
        is_weekend,
        hour,
        count(*) FILTER (WHERE n >= $records) AS busy,
        busy >= 3 AND busy >= 0.9 * (count(*) - 1) AS is_judged
    FROM possible_hours
    GROUP BY bucket, is_weekend, hour
),
judged_hours AS (
    SELECT
        bucket,
        100 * avg(is_judged::INTEGER) AS judged_percent,
        count(*) FILTER (WHERE is_judged AND n = 0) AS missing,
        max(time) FILTER (WHERE is_judged AND n = 0) AS last_missing
    FROM possible_hours
    JOIN kinds_of_hour USING (bucket, is_weekend, hour)
    GROUP BY bucket
),
deliveries AS (
    SELECT bucket, quantile_disc(date_diff('second', time, delivered_at), 0.95) FILTER (WHERE delivered_at >= time) AS lag
    FROM access_log
    JOIN ledger USING (log_object)
    GROUP BY bucket
)
SELECT
    bucket,
    CASE
        WHEN judged_days.missing + judged_hours.missing > 0 THEN 'gaps'
        WHEN has_ended THEN 'ended'
        WHEN judged_days.judged_percent < 50 THEN 'unknown'
        ELSE 'complete'
    END AS verdict,
    judged_days.missing AS missing_days,
    judged_hours.missing AS missing_hours,
    greatest(judged_days.last_missing, judged_hours.last_missing) AS last_missing,
    round(judged_days.judged_percent, 2) AS days_judged_percent,
    round(judged_hours.judged_percent, 2) AS hours_judged_percent,
    records,
    first_time,
    last_time,
    round(lag / 60, 1) AS lag_minutes
FROM buckets
JOIN judged_days USING (bucket)
JOIN judged_hours USING (bucket)
LEFT JOIN deliveries USING (bucket)
ORDER BY list_position(['gaps', 'ended', 'unknown', 'complete'], verdict), bucket
