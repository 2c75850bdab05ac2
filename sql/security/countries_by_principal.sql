-- /// report
-- title = "Countries by principal"
-- question = "From which countries do the requests of each user, role and account succeed, in which buckets, and since when?"
-- note = "By the files of the setting geo_database, which are right about most addresses, not all. Left out are requests without credentials, and addresses of which no country is known, such as private or hashed ones."
--
-- [params.limit]
-- type = "integer"
-- default = 100
-- help = "how many rows"
-- ///
WITH clients AS (
    SELECT
        bucket,
        requester,
        remote_ip,
        count(*) AS n,
        sum(bytes_sent) AS sent,
        min(time) AS first_time,
        max(time) AS last_time
    FROM requests
    WHERE NOT is_nobody(requester) AND succeeded(operation, http_status)
    GROUP BY bucket, requester, remote_ip
)
SELECT
    principal(requester) AS principal,
    country,
    bucket,
    total(n) AS requests,
    count(DISTINCT remote_ip) AS addresses,
    total(sent) AS bytes_sent,
    min(first_time) AS first_time,
    max(last_time) AS last_time
FROM clients
JOIN located_addresses USING (remote_ip)
WHERE country IS NOT NULL
GROUP BY ALL
ORDER BY requests DESC, principal, country, bucket
LIMIT $limit
