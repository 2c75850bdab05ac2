-- /// report
-- title = "Egress by address"
-- question = "Which addresses are sent most bytes, and what do those that leave AWS cost at most?"
-- chart = { kind = "bar", label = "remote_ip", value = "bytes_sent" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many addresses"
-- ///
SELECT
    remote_ip,
    count(*) AS requests,
    total(bytes_sent) AS bytes_sent,
    percentage(total(bytes_sent), sum(total(bytes_sent)) OVER ()) AS percent,
    round(total(egress_bytes(bytes_sent, source_region, user_agent)) * egress_price(), 6) AS cost
FROM access_log
WHERE remote_ip IS NOT NULL
GROUP BY remote_ip
HAVING total(bytes_sent) > 0
ORDER BY bytes_sent DESC, remote_ip
LIMIT $limit
