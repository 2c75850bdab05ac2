-- /// report
-- title = "Lifecycle operations"
-- question = "What did the lifecycle rules do, and how often?"
-- chart = { kind = "bar", label = "operation", value = "events" }
-- dashboard = { section = "Lifecycle", position = 2 }
-- ///
SELECT
    operation,
    count(*) AS events
FROM lifecycle_events
GROUP BY operation
ORDER BY events DESC, operation
