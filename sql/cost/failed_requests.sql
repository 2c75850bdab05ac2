-- /// report
-- title = "Failed requests that were billed"
-- question = "Which requests got an error (4xx), and were billed all the same?"
-- note = "Left out is what AWS does not bill: server errors, the errors of its list, and what outsiders were denied. Look-ups that rightly find nothing (404) are billed, too. Website endpoints are billed for every error below 500 that they answer with a document or a redirect of the bucket's own: an upper bound."
-- chart = { kind = "bar", label = "error_code", value = "billed" }
-- dashboard = { section = "Cost", position = 6 }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many operations and errors"
-- ///
SELECT
    operation,
    http_status,
    error_code,
    total(requests) AS requests,
    total(billed) AS billed,
    round(sum(request_cost), 6) AS cost
FROM request_costs
WHERE http_status >= 400
GROUP BY operation, http_status, error_code
HAVING total(billed) > 0
ORDER BY cost DESC, billed DESC, operation, http_status, error_code
LIMIT $limit
