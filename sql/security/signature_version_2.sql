-- /// report
-- title = "Signature Version 2"
-- question = "Who still signs with the outdated Signature Version 2, and with which program?"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many principals and programs"
-- ///
SELECT
    principal(requester) AS principal,
    user_agent,
    bucket,
    count(*) AS requests,
    count(DISTINCT remote_ip) AS addresses,
    max(time) AS last_time
FROM requests
WHERE signature_version = 'SigV2'
GROUP BY principal, user_agent, bucket
ORDER BY requests DESC, principal, user_agent, bucket
LIMIT $limit
