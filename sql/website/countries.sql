-- /// report
-- title = "Countries"
-- question = "From which countries do requests for objects come, how many of them are visits, and of how many visitors (address and user agent)?"
-- note = "By the files of the setting geo_database, which are right about most addresses, not all. No country: an address that they do not have, such as a private or a hashed one, or none; and what came through CloudFront, of whose users the log tells nothing. Visits are answered (200, 206, 304), and have no credentials or come through CloudFront."
-- chart = { kind = "bar", label = "country", value = "requests" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many countries"
--
-- [params.people]
-- type = "boolean"
-- default = false
-- help = "only requests of people's browsers, not those of bots and programs"
--
-- [params.pages]
-- type = "boolean"
-- default = false
-- help = "only requests for pages, not for what they load"
-- ///
WITH clients AS (
    SELECT
        remote_ip,
        is_known(remote_ip, requester, user_agent) AS is_known,
        count(*) AS requests,
        count(*) FILTER (WHERE is_visit(operation, requester, authentication_type, http_status)) AS visits,
        sum(bytes_sent) AS sent
    FROM website_requests_of($people, $pages)
    GROUP BY remote_ip, user_agent, is_known
)
SELECT
    CASE WHEN is_known THEN country END AS country,
    total(requests) AS requests,
    total(visits) AS visits,
    number_of_known(count(*) FILTER (WHERE visits > 0 AND is_known), total(visits)) AS visitors,
    total(sent) AS bytes_sent,
    percentage(total(sent), sum(total(sent)) OVER ()) AS bytes_percent
FROM clients
LEFT JOIN located_addresses USING (remote_ip)
GROUP BY ALL
ORDER BY requests DESC, country
LIMIT $limit
