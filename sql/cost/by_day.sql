-- /// report
-- title = "Cost by day"
-- question = "What do requests and data transfer cost, each day? An estimate, as if all objects were in the class Standard that lifecycle rules are not seen to move."
-- note = "Egress (to the internet) is an upper bound: bytes count as such unless the record tells where they went, and the 100 GB of each month that are free are not taken off. Requests and retrieval are a lower bound: objects may be in another class than the log tells, and restores of the tier Expedited cost more. Storage, and what restores retrieve, are not in it."
-- chart = { kind = "line", label = "date", value = "cost" }
-- dashboard = { section = "Cost", position = 1 }
-- ///
SELECT
    date,
    total(requests) AS requests,
    total(billed) AS billed_requests,
    total(egress_bytes) AS egress_bytes,
    total(region_bytes) AS region_bytes,
    total(accelerated_bytes) AS accelerated_bytes,
    round(sum(request_cost), 6) AS request_cost,
    round(sum(egress_cost), 6) AS egress_cost,
    round(sum(region_cost), 6) AS region_cost,
    round(sum(acceleration_cost), 6) AS acceleration_cost,
    round(sum(retrieval_cost), 6) AS retrieval_cost,
    round(sum(cost), 6) AS cost
FROM request_costs
GROUP BY date
ORDER BY date
