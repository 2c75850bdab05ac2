-- /// report
-- title = "Insecure TLS and no TLS"
-- question = "Who sends requests without TLS 1.2 or newer, and are they let in? Website endpoints have no TLS at all."
-- note = "First those that succeed: the others may be what a policy with aws:SecureTransport refuses."
-- dashboard = { section = "Security", position = 8 }
--
-- [params.website]
-- type = "boolean"
-- default = true
-- help = "false leaves website endpoints out"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many combinations"
-- ///
-- Records of other requests' parts (a copy's source, the keys of a multi-object delete) tell a TLS version or not; where
-- the destination is in another account, no other record does. Lines with fewer than 24 fields (before March 2019) have
-- no place for it.
SELECT
    coalesce(tls_version, 'none') AS tls_version,
    bucket,
    operation,
    principal(requester) AS principal,
    user_agent,
    count(*) AS requests,
    count(*) FILTER (WHERE succeeded(operation, http_status)) AS successful,
    count(DISTINCT remote_ip) AS addresses,
    max(time) AS last_time
FROM access_log
WHERE upper(coalesce(tls_version, 'none')) NOT IN ('TLSV1.2', 'TLSV1.3')
    AND (is_request(operation) OR tls_version IS NOT NULL)
    AND field_count >= 24
    AND ($website OR operation NOT LIKE 'WEBSITE.%')
GROUP BY tls_version, bucket, operation, principal, user_agent
ORDER BY successful DESC, requests DESC, tls_version, bucket, operation, principal, user_agent
LIMIT $limit
