-- /// report
-- title = "Requests by month"
-- question = "How many requests for objects came each month (UTC), how many of them were visits, and of how many visitors (address and user agent)?"
-- note = "A month of which the lake has only some days has fewer of everything. Visits are answered (200, 206, 304), and have no credentials or come through CloudFront. Visitors behind CloudFront, or without an address in the lake, are unknown and not counted."
-- chart = { kind = "bar", label = "month", value = "visits" }
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
WITH days AS (
    SELECT date_trunc('month', date)::DATE AS month, count(DISTINCT date) AS days
    FROM website_requests_of($people, $pages)
    GROUP BY month
),
clients AS (
    SELECT
        date_trunc('month', date)::DATE AS month,
        is_known(remote_ip, requester, user_agent) AS is_known,
        count(*) AS requests,
        count(*) FILTER (WHERE is_visit(operation, requester, authentication_type, http_status)) AS visits,
        sum(bytes_sent) AS sent
    FROM website_requests_of($people, $pages)
    GROUP BY month, remote_ip, user_agent, is_known
)
SELECT
    month,
    any_value(days) AS days,
    total(requests) AS requests,
    total(visits) AS visits,
    number_of_known(count(*) FILTER (WHERE visits > 0 AND is_known), total(visits)) AS visitors,
    total(sent) AS bytes_sent
FROM clients
JOIN days USING (month)
GROUP BY month
ORDER BY month
