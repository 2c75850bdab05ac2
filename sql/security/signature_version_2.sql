-- /// report
-- title = "Signature Version 2"
-- question = "Who still signs with the outdated Signature Version 2, and with which program?"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many requesters and programs"
-- ///
SELECT
    requester,
    user_agent,
    bucket,
    count(*) AS requests,
    count(DISTINCT remote_ip) AS addresses,
    max(time) AS last_time
FROM access_log
WHERE signature_version = 'SigV2'
GROUP BY requester, user_agent, bucket
ORDER BY requests DESC, requester, user_agent, bucket
LIMIT $limit
