-- /// report
-- title = "Who deletes"
-- question = "Which users, roles and accounts delete most objects? Lifecycle rules and refused attempts are left out."
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
    count(*) AS deletions,
    count(DISTINCT key) AS keys,
    total(object_size) AS bytes,
    min(time) AS first_time,
    max(time) AS last_time
FROM access_log
WHERE is_delete(operation) AND succeeded(operation, http_status)
GROUP BY principal, bucket
ORDER BY deletions DESC, principal, bucket
LIMIT $limit
