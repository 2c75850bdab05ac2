-- /// report
-- title = "Lifecycle events by day"
-- question = "What did the lifecycle rules do each day (UTC)?"
-- chart = { kind = "line", label = "date", value = "events", series = "operation" }
-- dashboard = { section = "Lifecycle", position = 1 }
-- ///
SELECT
    date,
    operation,
    count(*) AS events,
    total(object_size) AS bytes
FROM lifecycle_events
GROUP BY date, operation
ORDER BY date, operation
