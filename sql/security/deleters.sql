-- /// report
-- title = "Who deletes"
-- question = "Which users, roles and accounts delete most objects? Lifecycle rules and refused attempts are left out."
-- note = "Deletions are those of objects and versions that were there, of which the log has the size. for_good: of a version, by its id. undeleted: of a delete marker, by its id, which brings the object back. without_size: a delete marker was set, or nothing was there."
-- chart = { kind = "bar", label = "principal", value = "deletions" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many of them"
-- ///
SELECT
    principal(requester) AS principal,
    bucket,
    count(object_size) AS deletions,
    count(*) FILTER (WHERE removed(operation, version_id, object_size) = 'old version') AS for_good,
    count(*) FILTER (WHERE removed(operation, version_id, object_size) = 'delete marker') AS undeleted,
    count(*) FILTER (WHERE takes_object(operation, version_id) AND object_size IS NULL) AS without_size,
    count(DISTINCT key) AS keys,
    total(object_size) AS bytes,
    min(time) AS first_time,
    max(time) AS last_time
FROM access_log
WHERE is_delete(operation) AND succeeded(operation, http_status)
GROUP BY principal, bucket
ORDER BY deletions DESC, without_size DESC, principal, bucket
LIMIT $limit
