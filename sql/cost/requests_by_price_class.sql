-- /// report
-- title = "Requests by price class"
-- question = "What do requests cost, by the line of S3's price list that they are under? An estimate, with the prices of the settings."
-- chart = { kind = "bar", label = "price_class", value = "cost" }
-- dashboard = { section = "Cost", position = 2 }
-- ///
SELECT
    price_class,
    total(n) AS requests,
    total(billed) AS billed,
    round(total(billed) * request_price(price_class), 6) AS cost
FROM (
    SELECT
        price_class(operation) AS price_class,
        count(*) AS n,
        count(*) FILTER (WHERE is_billed(operation, http_status, error_code, requester)) AS billed
    FROM access_log
    GROUP BY operation
)
GROUP BY price_class
ORDER BY cost DESC, requests DESC, price_class
