-- /// report
-- title = "Source Regions"
-- question = "From which Regions of AWS do requests of any kind come?"
-- note = "None: requests from outside AWS, over AWS PrivateLink or AWS Direct Connect, or from addresses that you brought to AWS (BYOIP); and records before 2026."
-- chart = { kind = "bar", label = "source_region", value = "requests" }
-- ///
SELECT
    source_region,
    count(*) AS requests,
    count(DISTINCT remote_ip) AS addresses,
    total(bytes_sent) AS bytes_sent
FROM requests
GROUP BY source_region
ORDER BY requests DESC, source_region
