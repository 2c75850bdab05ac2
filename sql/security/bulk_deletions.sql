-- /// report
-- title = "Bulk deletions"
-- question = "Who deleted many objects within one hour of the clock?"
-- dashboard = { section = "Security", position = 5 }
--
-- [params.threshold]
-- type = "integer"
-- default = 100
-- help = "how many deletions within an hour are many"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many hours and requesters"
-- ///
SELECT
    date_trunc('hour', time) AS hour,
    bucket,
    requester,
    count(*) AS deletions,
    count(DISTINCT request_id) AS requests,
    count(DISTINCT remote_ip) AS addresses,
    total(object_size) AS bytes,
    min(key) AS first_key,
    max(key) AS last_key
FROM access_log
WHERE is_delete(operation) AND succeeded(operation, http_status)
GROUP BY hour, bucket, requester
HAVING count(*) >= $threshold
ORDER BY deletions DESC, hour, bucket, requester
LIMIT $limit
