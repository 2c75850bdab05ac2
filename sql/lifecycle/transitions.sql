-- /// report
-- title = "Transitions"
-- question = "To which storage classes did lifecycle rules move objects, and how many bytes?"
-- chart = { kind = "bar", label = "storage_class", value = "bytes" }
-- dashboard = { section = "Lifecycle", position = 3 }
-- ///
SELECT
    storage_class(operation) AS storage_class,
    bucket,
    count(*) AS events,
    count(DISTINCT key) AS keys,
    total(object_size) AS bytes,
    min(time) AS first_time,
    max(time) AS last_time
FROM lifecycle_events
WHERE storage_class(operation) IS NOT NULL
GROUP BY ALL
ORDER BY bytes DESC, events DESC, storage_class, bucket
