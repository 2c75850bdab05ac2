-- /// report
-- title = "Large downloads"
-- question = "Who was sent most bytes of one object within one hour of the clock?"
-- note = "Programs fetch a large object in ranges, which are added up here. Who has no credentials, or wrong ones, is told by the address."
-- dashboard = { section = "Security", position = 7 }
--
-- [params.bytes]
-- type = "integer"
-- default = 50000000
-- help = "how many bytes are large"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many downloads, the largest first"
-- ///
SELECT
    date_trunc('hour', time) AS hour,
    bucket,
    key,
    principal(requester) AS principal,
    CASE WHEN is_nobody(requester) THEN remote_ip END AS remote_ip,
    count(*) AS requests,
    total(bytes_sent) AS bytes_sent,
    max(object_size) AS object_size,
    count(DISTINCT remote_ip) AS addresses,
    max(user_agent) AS user_agent
FROM requests
WHERE bytes_sent > 0 AND greatest(bytes_sent, object_size) >= $bytes
GROUP BY ALL
HAVING sum(bytes_sent) >= $bytes
ORDER BY bytes_sent DESC, hour, bucket, key, principal, remote_ip
LIMIT $limit
