-- /// report
-- title = "Networks"
-- question = "From which networks, and in which countries, do requests of any kind come, by how many principals and addresses, and how many fail or are denied?"
-- note = "A network is an autonomous system: a provider, a cloud, a company. By the files of the setting geo_database, which are right about most addresses, not all. Without network or country: addresses that they do not have, such as private or hashed ones, and requests without an address. Principals are those with credentials that are right."
-- chart = { kind = "bar", label = "organization", value = "requests" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many networks"
-- ///
WITH clients AS (
    SELECT
        remote_ip,
        requester,
        count(*) AS n,
        count(*) FILTER (WHERE failed(operation, http_status, error_code)) AS failed,
        count(*) FILTER (WHERE denied(http_status, error_code)) AS denied,
        sum(bytes_sent) AS sent,
        min(time) AS first_time,
        max(time) AS last_time
    FROM requests
    GROUP BY remote_ip, requester
)
SELECT
    asn,
    organization,
    country,
    total(n) AS requests,
    count(DISTINCT principal(requester)) AS principals,
    count(DISTINCT remote_ip) AS addresses,
    total(failed) AS failed,
    total(denied) AS denied,
    total(sent) AS bytes_sent,
    min(first_time) AS first_time,
    max(last_time) AS last_time
FROM clients
LEFT JOIN located_addresses USING (remote_ip)
GROUP BY asn, organization, country
ORDER BY requests DESC, asn, organization, country
LIMIT $limit
