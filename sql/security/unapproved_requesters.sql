-- /// report
-- title = "Unapproved requesters"
-- question = "Who uses the buckets without being on a list of those who may? Requests without credentials are among them."
-- note = "Preflights of browsers, which never have credentials, are left out."
--
-- [params.approved]
-- type = "string"
-- help = "a regular expression that the whole name of those who may matches; of a role with or without the session"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many principals"
-- ///
WITH used AS (
    SELECT
        requester,
        bucket,
        operation,
        count(*) AS requests,
        count(*) FILTER (WHERE succeeded(operation, http_status)) AS successful,
        min(time) AS first_time,
        max(time) AS last_time
    FROM requests
    WHERE operation NOT LIKE 'REST.OPTIONS.%'
    GROUP BY requester, bucket, operation
)
SELECT
    principal(requester) AS principal,
    bucket,
    sum(requests)::BIGINT AS requests,
    sum(successful)::BIGINT AS successful,
    count(DISTINCT operation) AS operations,
    min(first_time) AS first_time,
    max(last_time) AS last_time
FROM used
WHERE NOT regexp_full_match(coalesce(requester, ''), $approved)
    AND NOT regexp_full_match(coalesce(principal(requester), ''), $approved)
GROUP BY principal, bucket
ORDER BY requests DESC, principal, bucket
LIMIT $limit
