-- /// report
-- title = "TLS versions and ciphers"
-- question = "Which TLS versions and cipher suites are in use, do requests with them succeed, and who would be left without?"
-- note = "none: plain HTTP, as website endpoints have it. Records before March 2019 have no TLS version and are left out."
-- chart = { kind = "bar", label = "tls_version", value = "requests" }
-- ///
WITH used AS (
    SELECT
        tls_version,
        cipher_suite,
        requester,
        count(*) AS number,
        count(*) FILTER (WHERE succeeded(operation, http_status)) AS successful,
        count(*) FILTER (WHERE failed(operation, http_status, error_code)) AS failed,
        max(time) AS last_time
    FROM requests
    WHERE field_count >= 24
    GROUP BY tls_version, cipher_suite, requester
)
SELECT
    coalesce(tls_version, 'none') AS tls_version,
    cipher_suite,
    total(number) AS requests,
    total(used.successful) AS successful,
    total(used.failed) AS failed,
    count(DISTINCT principal(requester)) AS principals,
    max(used.last_time) AS last_time
FROM used
GROUP BY used.tls_version, cipher_suite
ORDER BY requests DESC, tls_version, cipher_suite
