-- /// report
-- title = "One object, by day"
-- question = "How often was one object requested and downloaded each day (UTC), by how many visitors (address and user agent), and how many downloads broke off?"
-- note = "Downloads are responses with data (200, 206): a program that reads in pieces has several. Visits are answered (200, 206, 304), and have no credentials or come through CloudFront; visitors behind CloudFront, or without an address in the lake, are unknown and not counted. broken_off are downloads of the whole object (200) of which less was sent. A day without requests has no row. Equal keys of several buckets count as one; --bucket tells them apart."
-- chart = { kind = "line", label = "date", value = "downloads" }
--
-- [params.key]
-- type = "string"
-- help = "the object's key, also as it is in a URL: with escapes, a slash before it, or the URL itself"
--
-- [params.people]
-- type = "boolean"
-- default = false
-- help = "only requests of people's browsers, not those of bots and programs"
-- ///
SELECT
    date,
    any_value(key) AS key,
    total(requests) AS requests,
    total(downloads) AS downloads,
    total(broken_off) AS broken_off,
    total(failed) AS failed,
    total(visits) AS visits,
    number_of_known(count(*) FILTER (WHERE visits > 0 AND is_known), total(visits)) AS visitors,
    total(sent) AS bytes_sent
FROM (
    SELECT
        date,
        any_value(key) AS key,
        is_known(remote_ip, requester, user_agent) AS is_known,
        count(*) AS requests,
        count(*) FILTER (WHERE http_status IN (200, 206)) AS downloads,
        count(*) FILTER (WHERE http_status = 200 AND coalesce(bytes_sent, 0) < object_size) AS broken_off,
        count(*) FILTER (WHERE failed(operation, http_status, error_code)) AS failed,
        count(*) FILTER (WHERE is_visit(operation, requester, authentication_type, http_status)) AS visits,
        sum(bytes_sent) AS sent
    FROM website_requests_of($people, false)
    WHERE key = key_meant($key)
    GROUP BY date, remote_ip, user_agent, is_known
)
GROUP BY date
ORDER BY date
