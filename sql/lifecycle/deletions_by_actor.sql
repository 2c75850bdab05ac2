-- /// report
-- title = "Deleted by rules and by people"
-- question = "How many deletions each day were the work of lifecycle rules, how many were requested?"
-- chart = { kind = "line", label = "date", value = "events", series = "deleted_by" }
-- dashboard = { section = "Lifecycle", position = 4 }
-- ///
SELECT
    date,
    CASE WHEN is_expiry(operation) THEN 'rule' ELSE 'request' END AS deleted_by,
    count(*) AS events,
    count(DISTINCT (bucket, key)) AS objects,
    total(object_size) AS bytes
FROM access_log
WHERE is_expiry(operation) OR (is_delete(operation) AND succeeded(operation, http_status))
GROUP BY date, deleted_by
ORDER BY date, deleted_by
