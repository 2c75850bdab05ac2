-- /// report
-- title = "Error codes"
-- question = "Which errors does S3 respond with? Redirects to another endpoint (301, 307) are among them."
-- note = "failed is less where \"there is none\" is an answer: to HEAD, and of a configuration that a bucket need not have."
-- chart = { kind = "bar", label = "error_code", value = "requests" }
-- dashboard = { section = "Operations", position = 3 }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many errors"
-- ///
SELECT
    error_code,
    http_status,
    count(*) AS requests,
    count(*) FILTER (WHERE failed(operation, http_status, error_code)) AS failed,
    count(DISTINCT operation) AS operations,
    count(DISTINCT remote_ip) AS addresses,
    min(time) AS first_time,
    max(time) AS last_time
FROM requests
WHERE error_code IS NOT NULL OR http_status >= 400
GROUP BY error_code, http_status
ORDER BY requests DESC, error_code, http_status
LIMIT $limit
