-- /// report
-- title = "Egress by requester"
-- question = "Who is sent most bytes, and what do those that leave AWS cost at most? No requester: no credentials."
-- chart = { kind = "bar", label = "requester", value = "bytes_sent" }
-- dashboard = { section = "Cost", position = 4 }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many requesters"
-- ///
SELECT
    requester,
    count(*) AS requests,
    total(bytes_sent) AS bytes_sent,
    percentage(total(bytes_sent), sum(total(bytes_sent)) OVER ()) AS percent,
    round(total(egress_bytes(bytes_sent, source_region, user_agent)) * egress_price(), 6) AS cost
FROM access_log
GROUP BY requester
HAVING total(bytes_sent) > 0
ORDER BY bytes_sent DESC, requester
LIMIT $limit
