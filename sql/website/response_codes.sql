-- /// report
-- title = "Response codes"
-- question = "With which HTTP statuses did S3 respond to requests of any kind?"
-- chart = { kind = "bar", label = "http_status", value = "requests", ordered = false }
-- dashboard = { section = "Website", position = 3 }
-- ///
SELECT
    http_status,
    count(*) AS requests
FROM requests
WHERE http_status IS NOT NULL
GROUP BY http_status
ORDER BY requests DESC, http_status
