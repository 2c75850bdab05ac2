-- /// report
-- title = "Unique downloads"
-- question = "How many clients (address and user agent) downloaded each object, and how many all of it, when range requests (206) of one client are taken together?"
-- note = "All of it by the bytes sent: a piece that is sent twice counts twice. Clients behind CloudFront, or without an address in the lake, are unknown and not counted, but their requests are."
-- chart = { kind = "bar", label = "key", value = "unique_downloads" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many objects"
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
-- An object has at most as many downloads as requests of known clients. So the most requested ones say how many downloads
-- the last of the list has at least, and only objects with as many requests are looked at.
WITH delivered AS NOT MATERIALIZED (
    SELECT *, is_known(remote_ip, requester, user_agent) AS is_known
    FROM website_requests_of($people, $pages)
    WHERE http_status IN (200, 206) AND key IS NOT NULL
),
objects AS MATERIALIZED (
    SELECT key, bucket, count(*) FILTER (WHERE is_known) AS requests
    FROM delivered
    GROUP BY key, bucket
),
most_requested AS MATERIALIZED (
    SELECT key, bucket FROM objects
    ORDER BY requests DESC
    LIMIT $limit
),
fewest AS (
    SELECT min(downloads) AS downloads
    FROM (
        SELECT count(DISTINCT (remote_ip, user_agent)) FILTER (WHERE is_known) AS downloads
        FROM delivered
        SEMI JOIN most_requested USING (key, bucket)
        GROUP BY key, bucket
    )
),
candidates AS MATERIALIZED (
    SELECT key, bucket
    FROM objects
    WHERE requests >= (SELECT downloads FROM fewest)
),
clients AS (
    SELECT
        key,
        bucket,
        is_known,
        count(*) AS requests,
        count(*) FILTER (WHERE http_status = 206) AS range_requests,
        total(bytes_sent) AS bytes_sent,
        coalesce(sum(bytes_sent) FILTER (WHERE http_status = 206), 0)
        + coalesce(max(bytes_sent) FILTER (WHERE http_status = 200), 0) AS received,
        arg_max(object_size, time) AS object_size,
        max(time) AS last_time
    FROM delivered
    SEMI JOIN candidates USING (key, bucket)
    GROUP BY key, bucket, remote_ip, user_agent, is_known
)
SELECT
    key,
    bucket,
    number_of_known(count(*) FILTER (WHERE is_known), count(*)) AS unique_downloads,
    CASE WHEN bool_or(is_known) THEN count(*) FILTER (WHERE is_known AND received >= object_size) END AS complete_downloads,
    total(requests) AS requests,
    total(requests) - total(CASE WHEN is_known THEN requests END) AS unknown_requests,
    total(range_requests) AS range_requests,
    total(bytes_sent) AS bytes_sent,
    arg_max(object_size, last_time) AS object_size
FROM clients
GROUP BY key, bucket
ORDER BY unique_downloads DESC, requests DESC, key, bucket
LIMIT $limit
