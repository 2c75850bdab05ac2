-- /// report
-- title = "Bulk deletions"
-- question = "Who deleted many objects within one hour of the clock?"
-- note = "Deletions are those of objects and versions that were there, of which the log has the size. for_good: of a version, by its id. undeleted: of a delete marker, by its id, which brings the object back. without_size: a delete marker was set, or nothing was there. With unsized = true these count, too, for buckets with versions."
-- dashboard = { section = "Security", position = 5 }
--
-- [params.threshold]
-- type = "integer"
-- default = 100
-- help = "how many deletions within an hour are many"
--
-- [params.unsized]
-- type = "boolean"
-- default = false
-- help = "true also counts deletions without a size, as of what was not there"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many hours and principals"
-- ///
SELECT
    date_trunc('hour', time) AS hour,
    bucket,
    principal(requester) AS principal,
    count(object_size) AS deletions,
    count(*) FILTER (WHERE removed(operation, version_id, object_size) = 'old version') AS for_good,
    count(*) FILTER (WHERE removed(operation, version_id, object_size) = 'delete marker') AS undeleted,
    count(*) FILTER (WHERE takes_object(operation, version_id) AND object_size IS NULL) AS without_size,
    count(DISTINCT request_id) AS requests,
    count(DISTINCT remote_ip) AS addresses,
    total(object_size) AS bytes,
    min(key) AS first_key,
    max(key) AS last_key
FROM access_log
WHERE is_delete(operation) AND succeeded(operation, http_status)
GROUP BY hour, bucket, principal
HAVING deletions + CASE WHEN $unsized THEN without_size ELSE 0 END >= $threshold
ORDER BY deletions DESC, hour, bucket, principal
LIMIT $limit
