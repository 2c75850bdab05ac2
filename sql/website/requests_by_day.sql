-- /// report
-- title = "Requests by day"
-- question = "How many requests for objects came each day (UTC), how many of them were visits, and of how many visitors (address and user agent)?"
-- note = "Visits are answered (200, 206, 304), and have no credentials or come through CloudFront. Visitors behind CloudFront, or without an address in the lake, are unknown and not counted."
-- chart = { kind = "line", label = "date", value = "requests" }
-- dashboard = { section = "Website", position = 1 }
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
SELECT
    date,
    total(requests) AS requests,
    total(visits) AS visits,
    number_of_known(count(*) FILTER (WHERE visits > 0 AND is_known), total(visits)) AS visitors,
    total(sent) AS bytes_sent
FROM (
    SELECT
        date,
        is_known(remote_ip, requester, user_agent) AS is_known,
        count(*) AS requests,
        count(*) FILTER (WHERE is_visit(operation, requester, authentication_type, http_status)) AS visits,
        sum(bytes_sent) AS sent
    FROM website_requests_of($people, $pages)
    GROUP BY date, remote_ip, user_agent, is_known
)
GROUP BY date
ORDER BY date
