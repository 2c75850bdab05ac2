-- /// report
-- title = "Endpoints"
-- question = "Through which endpoints of S3 do requests come, and who uses them?"
-- note = "Told by the Host header. legacy global: without a Region; legacy regional: with a dash before it. other: a name of one's own, or another store. No addressing: neither the bucket's name before the endpoint (virtual-hosted), nor in the path (path-style)."
-- chart = { kind = "bar", label = "endpoint", value = "requests" }
-- ///
WITH hosts AS (
    SELECT
        bucket,
        split_part(lower(host_header), ':', 1) AS host,
        requester,
        count(*) AS number,
        count(*) FILTER (WHERE failed(operation, http_status, error_code)) AS failed,
        max(time) AS last_time
    FROM requests
    WHERE host_header IS NOT NULL
    GROUP BY bucket, host, requester
)
SELECT
    bucket,
    CASE
        WHEN contains(host, '.s3-website') THEN 'website'
        WHEN contains(host, '.s3-accelerate.') THEN 'accelerate'
        WHEN contains(host, '.mrap.accesspoint.s3-global.') THEN 'multi-Region access point'
        WHEN contains(host, '.s3-accesspoint') THEN 'access point'
        WHEN contains(host, '.vpce.') THEN 'VPC endpoint'
        WHEN contains(host, '.s3-object-lambda') THEN 'Object Lambda'
        WHEN regexp_matches(host, '(^|\.)s3-fips[.-]') THEN 'FIPS'
        WHEN contains(host, 's3.dualstack.') THEN 'dual-stack'
        WHEN regexp_matches(host, '(^|\.)s3(-external-1)?\.amazonaws\.com$') THEN 'legacy global'
        WHEN regexp_matches(host, '(^|\.)s3-[a-z]+-[a-z-]+[0-9]\.amazonaws\.com$') THEN 'legacy regional'
        WHEN regexp_matches(host, '(^|\.)s3\.[a-z0-9-]+\.amazonaws\.(com|com\.cn|eu)$') THEN 'regional'
        ELSE 'other'
    END AS endpoint,
    CASE
        WHEN host = bucket OR starts_with(host, bucket || '.') THEN 'virtual-hosted'
        WHEN regexp_matches(host, '^(s3[.-]|bucket\.vpce-)') THEN 'path-style'
    END AS addressing,
    total(number) AS requests,
    total(hosts.failed) AS failed,
    count(DISTINCT principal(requester)) AS principals,
    max(hosts.last_time) AS last_time
FROM hosts
GROUP BY bucket, endpoint, addressing
ORDER BY requests DESC, bucket, endpoint, addressing
