-- /// report
-- title = "Egress by object"
-- question = "Which objects cause most egress, and what does the data sent of them cost?"
-- note = "Egress (to the internet) is an upper bound: bytes count as such unless the record tells that they went to CloudFront, a service, a private address or a Region of AWS. The cost is of data transfer only, other Regions and acceleration included."
-- chart = { kind = "bar", label = "key", value = "egress_bytes" }
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
    requests,
    egress_bytes,
    percentage(egress_bytes, sum(egress_bytes) OVER ()) AS bytes_percent,
    region_bytes,
    accelerated_bytes,
    round(transfer_cost(egress_bytes, region_bytes, accelerated_bytes), 6) AS cost
FROM (
    SELECT
        key,
        bucket,
        count(*) FILTER (WHERE is_request(operation)) AS requests,
        total(egress_bytes) AS egress_bytes,
        total(region_bytes) AS region_bytes,
        total(accelerated_bytes) AS accelerated_bytes
    FROM transfers
    WHERE key IS NOT NULL
    GROUP BY key, bucket
)
WHERE greatest(egress_bytes, region_bytes, accelerated_bytes) > 0
ORDER BY egress_bytes DESC, cost DESC, key, bucket
LIMIT $limit
