-- /// report
-- title = "Deleted by rules and by people"
-- question = "How much was deleted each day (UTC) by lifecycle rules, and how much on request?"
-- note = "Objects are those that are gone or marked as deleted; to remove an old version or a delete marker leaves the object. S3 confirms the deletion of what is not there, too: requests whose record has no size are counted as of unknown, not as objects."
-- chart = { kind = "line", label = "date", value = "objects", series = "deleted_by" }
-- dashboard = { section = "Lifecycle", position = 4 }
-- ///
WITH deletions AS (
    SELECT
        date,
        bucket,
        key,
        object_size,
        CASE WHEN is_delete(operation) THEN 'request' ELSE 'rule' END AS deleted_by,
        removed(operation, version_id, object_size) AS removed,
        is_delete(operation) AND removed = 'object' AND object_size IS NULL AS is_unknown
    FROM access_log
    WHERE (is_expiry(operation) OR is_delete(operation)) AND succeeded(operation, http_status)
)
SELECT
    date,
    deleted_by,
    count(*) AS events,
    count(DISTINCT (bucket, key)) FILTER (WHERE removed IN ('object', 'marked') AND NOT is_unknown) AS objects,
    count(*) FILTER (WHERE removed = 'old version') AS old_versions,
    count(*) FILTER (WHERE removed = 'delete marker') AS delete_markers,
    count(*) FILTER (WHERE is_unknown) AS of_unknown,
    total(object_size) AS bytes
FROM deletions
GROUP BY date, deleted_by
ORDER BY date, deleted_by
