-- /// report
-- title = "Egress by object"
-- question = "Which objects account for most of the bytes sent of objects, and what do those that leave AWS cost at most?"
-- chart = { kind = "bar", label = "key", value = "bytes_sent" }
-- dashboard = { section = "Cost", position = 3 }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many objects"
-- ///
SELECT
    key,
    bucket,
    count(*) AS requests,
    total(bytes_sent) AS bytes_sent,
    percentage(total(bytes_sent), sum(total(bytes_sent)) OVER ()) AS percent,
    round(total(egress_bytes(bytes_sent, source_region, user_agent)) * egress_price(), 6) AS cost
FROM access_log
WHERE key IS NOT NULL
GROUP BY key, bucket
HAVING total(bytes_sent) > 0
ORDER BY bytes_sent DESC, key, bucket
LIMIT $limit
