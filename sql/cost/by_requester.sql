-- /// report
-- title = "Cost by requester"
-- question = "What did the requests of each user, role or account, and the bytes that left AWS for it, cost at most? NULL: no credentials."
-- chart = { kind = "bar", label = "principal", value = "cost" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many requesters"
-- ///
WITH by_operation AS (
    SELECT
        principal(requester) AS principal,
        operation,
        count(*) FILTER (WHERE is_billed(operation, http_status, error_code, requester)) AS billed,
        total(egress_bytes(bytes_sent, source_region, user_agent)) AS egress_bytes
    FROM access_log
    GROUP BY principal, operation
)
SELECT
    principal,
    total(billed) AS billed_requests,
    total(egress_bytes) AS egress_bytes,
    round(sum(billed * request_price(price_class(operation))), 6) AS request_cost,
    round(total(egress_bytes) * egress_price(), 6) AS egress_cost,
    round(sum(billed * request_price(price_class(operation))) + total(egress_bytes) * egress_price(), 6) AS cost
FROM by_operation
GROUP BY principal
ORDER BY cost DESC, billed_requests DESC, principal
LIMIT $limit
