-- /// report
-- title = "Requests by hour"
-- question = "How many requests for objects came each hour (UTC), how many of them were visits, and of how many visitors (address and user agent)?"
-- note = "Visits are answered (200, 206, 304), and have no credentials or come through CloudFront. Visitors behind CloudFront, or without an address in the lake, are unknown and not counted."
-- chart = { kind = "line", label = "hour", value = "requests" }
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
    hour,
    total(requests) AS requests,
    total(visits) AS visits,
    number_of_known(count(*) FILTER (WHERE visits > 0 AND is_known), total(visits)) AS visitors,
    total(sent) AS bytes_sent
FROM (
    SELECT
        date_trunc('hour', time) AS hour,
        is_known(remote_ip, requester, user_agent) AS is_known,
        count(*) AS requests,
        count(*) FILTER (WHERE is_visit(operation, requester, authentication_type, http_status)) AS visits,
        sum(bytes_sent) AS sent
    FROM website_requests_of($people, $pages)
    -- 64 bits instead of two texts, which take longer: two visitors of an hour do not have the same ones
    GROUP BY hour, hash(remote_ip, user_agent), is_known
)
GROUP BY hour
ORDER BY hour
