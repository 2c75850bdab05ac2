-- /// report
-- title = "Insecure TLS and no TLS"
-- question = "Who sends requests without TLS 1.2 or newer? Website endpoints have no TLS at all."
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
-- Records of other requests' parts (a copy's source, the keys of a multi-object delete) never tell a TLS version, and lines
-- with fewer than 24 fields (before March 2019) have no place for it.
SELECT
    coalesce(tls_version, 'none') AS tls_version,
    bucket,
    operation,
    requester,
    user_agent,
    count(*) AS requests,
    count(DISTINCT remote_ip) AS addresses,
    max(time) AS last_time
FROM access_log
WHERE upper(coalesce(tls_version, 'none')) NOT IN ('TLSV1.2', 'TLSV1.3')
    AND is_request(operation)
    AND field_count >= 24
    AND operation <> 'BATCH.DELETE.OBJECT'
    AND operation NOT LIKE 'REST.COPY.%_GET'
    AND operation NOT LIKE 'S3.%'
    AND ($website OR operation NOT LIKE 'WEBSITE.%')
GROUP BY ALL
ORDER BY requests DESC, tls_version, bucket, operation, requester, user_agent
LIMIT $limit
