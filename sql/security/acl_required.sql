-- /// report
-- title = "Requests that needed an ACL"
-- question = "Which requests were allowed by an ACL only, so that they would fail once ACLs are disabled?"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many requesters and operations"
-- ///
SELECT
    bucket,
    requester,
    operation,
    count(*) AS requests,
    count(DISTINCT key) AS keys,
    max(time) AS last_time
FROM access_log
WHERE acl_required = 'Yes'
GROUP BY bucket, requester, operation
ORDER BY requests DESC, bucket, requester, operation
LIMIT $limit
