-- /// report
-- title = "Cost by day"
-- question = "What did requests and the bytes that left AWS cost, each day, at most?"
-- chart = { kind = "line", label = "date", value = "cost" }
-- dashboard = { section = "Cost", position = 1 }
-- ///
WITH by_operation AS (
    SELECT
        date,
        operation,
        count(*) FILTER (WHERE is_billed(operation, http_status, error_code, requester)) AS billed,
        total(egress_bytes(bytes_sent, source_region, user_agent)) AS egress_bytes
    FROM access_log
    GROUP BY date, operation
)
SELECT
    date,
    total(billed) AS billed_requests,
    total(egress_bytes) AS egress_bytes,
    round(sum(billed * request_price(price_class(operation))), 6) AS request_cost,
    round(total(egress_bytes) * egress_price(), 6) AS egress_cost,
    round(sum(billed * request_price(price_class(operation))) + total(egress_bytes) * egress_price(), 6) AS cost
FROM by_operation
GROUP BY date
ORDER BY date
