-- /// report
-- title = "Requests by price class"
-- question = "What do requests cost, by the line of S3's price list that they are under? An estimate, as if all objects were in the class Standard that lifecycle rules are not seen to move."
-- note = "A lower bound: objects may be in another class than the log tells, and restores have the price of the tier Standard, while Expedited costs 200 times that. What lifecycle rules move is billed, and is no request of anybody."
-- chart = { kind = "bar", label = "price_class", value = "cost" }
-- dashboard = { section = "Cost", position = 2 }
-- ///
SELECT
    price_class,
    total(requests) AS requests,
    total(billed) AS billed,
    round(sum(request_cost), 6) AS cost
FROM request_costs
GROUP BY price_class
ORDER BY cost DESC, requests DESC, price_class
