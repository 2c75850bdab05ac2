-- /// report
-- title = "Cost by bucket and day"
-- question = "What do requests and data transfer cost, for each bucket on each day? An estimate, as if all objects were in the class Standard that lifecycle rules are not seen to move."
-- note = "cost/by_day tells what this cost is made of, and which part of it is a lower or an upper bound."
-- ///
SELECT
    date,
    bucket,
    total(requests) AS requests,
    total(billed) AS billed_requests,
    round(sum(cost), 6) AS cost
FROM request_costs
GROUP BY date, bucket
ORDER BY date, bucket
