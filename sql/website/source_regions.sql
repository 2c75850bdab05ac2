-- /// report
-- title = "Source Regions"
-- question = "From which Regions of AWS do requests of any kind come? Requests from outside AWS, and records before 2026, have none."
-- chart = { kind = "bar", label = "source_region", value = "requests" }
-- ///
SELECT
    source_region,
    count(*) AS requests,
    count(DISTINCT remote_ip) AS addresses,
    total(bytes_sent) AS bytes_sent
FROM access_log
WHERE is_request(operation)
GROUP BY source_region
ORDER BY requests DESC, source_region
