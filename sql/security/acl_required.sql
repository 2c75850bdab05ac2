-- /// report
-- title = "Requests that needed an ACL"
-- question = "Which requests that succeeded needed an ACL, and would fail once ACLs are disabled?"
-- note = "acl_use: allow - an ACL let them in; set - they set one; set or allow - the log does not tell which. Refused requests are left out."
-- ///
SELECT
    bucket,
    principal(requester) AS principal,
    operation,
    CASE
        WHEN operation LIKE '%.ACL' THEN 'set'
        WHEN is_change(operation) THEN 'set or allow'  -- an upload may carry an ACL
        ELSE 'allow'
    END AS acl_use,
    count(*) AS requests,
    count(DISTINCT key) AS keys,
    max(time) AS last_time
FROM requests
WHERE acl_required = 'Yes' AND succeeded(operation, http_status)
GROUP BY bucket, principal, operation
ORDER BY requests DESC, bucket, principal, operation
