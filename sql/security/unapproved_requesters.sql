-- /// report
-- title = "Unapproved requesters"
-- question = "Who uses the buckets without being on a list of those who may? Requests without credentials are among them."
--
-- [params.approved]
-- type = "string"
-- help = "a regular expression that the whole name of those who may matches"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many requesters"
-- ///
SELECT
    requester,
    bucket,
    count(*) AS requests,
    count(*) FILTER (WHERE succeeded(operation, http_status)) AS successful,
    count(DISTINCT operation) AS operations,
    min(time) AS first_time,
    max(time) AS last_time
FROM access_log
WHERE is_request(operation) AND NOT regexp_full_match(coalesce(requester, ''), $approved)
GROUP BY requester, bucket
ORDER BY requests DESC, requester, bucket
LIMIT $limit
