-- /// report
-- title = "Egress by requester"
-- question = "Who causes most egress, and what does the data sent to them cost?"
-- note = "Egress (to the internet) is an upper bound: bytes count as such unless the record tells that they went to CloudFront, a service, a private address or a Region of AWS. The cost is of data transfer only, other Regions and acceleration included. No principal: no credentials, or wrong ones."
-- chart = { kind = "bar", label = "principal", value = "egress_bytes" }
-- dashboard = { section = "Cost", position = 4 }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many requesters"
-- ///
SELECT
    principal,
    requests,
    egress_bytes,
    percentage(egress_bytes, sum(egress_bytes) OVER ()) AS bytes_percent,
    region_bytes,
    accelerated_bytes,
    round(transfer_cost(egress_bytes, region_bytes, accelerated_bytes), 6) AS cost
FROM (
    SELECT
        principal,
        total(requests) AS requests,
        total(egress_bytes) AS egress_bytes,
        total(region_bytes) AS region_bytes,
        total(accelerated_bytes) AS accelerated_bytes
    FROM request_costs
    GROUP BY principal
)
WHERE greatest(egress_bytes, region_bytes, accelerated_bytes) > 0
ORDER BY egress_bytes DESC, cost DESC, principal
LIMIT $limit
