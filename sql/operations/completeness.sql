-- /// report
-- title = "Completeness"
-- question = "Does every bucket have records of every day since its first, and of how many hours of it? A day without any may be a day without requests, or one that was not delivered."
--
-- [params.days]
-- type = "integer"
-- default = 366
-- help = "how many days, up to the last one with records"
-- ///
WITH days AS (
    SELECT bucket, unnest(generate_series(
        greatest(min(date), newest_day() - $days::INTEGER + 1), newest_day(), INTERVAL 1 DAY
    ))::DATE AS date
    FROM access_log
    GROUP BY bucket
),
days_with_records AS (
    SELECT
        bucket,
        date,
        count(*) AS records,
        count(DISTINCT hour(time)) AS hours,
        count(DISTINCT log_object) AS log_objects,
        min(time) AS first_time,
        max(time) AS last_time
    FROM access_log
    GROUP BY bucket, date
)
SELECT
    days.bucket,
    days.date,
    coalesce(records, 0) AS records,
    coalesce(hours, 0) AS hours,
    coalesce(log_objects, 0) AS log_objects,
    first_time,
    last_time
FROM days
LEFT JOIN days_with_records USING (bucket, date)
ORDER BY days.bucket, days.date
