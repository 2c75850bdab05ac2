-- Visits of a website.

-- Downloads and attempts at them, over the REST interface and from website endpoints.
CREATE VIEW website_requests AS
SELECT * FROM access_log
WHERE operation IN ('REST.GET.OBJECT', 'WEBSITE.GET.OBJECT');

-- The user agents of all records: browser, bot, program or none, with family and operating system. Only what a user agent
-- says of itself. To be joined with IS NOT DISTINCT FROM: requests without a user agent have a row, too.
CREATE VIEW user_agents AS
WITH parsed AS MATERIALIZED (  -- or a filter on it would have the user agent of each record parsed
    SELECT user_agent, parse_user_agent(coalesce(user_agent, '')) AS agent
    FROM (SELECT DISTINCT user_agent FROM access_log WHERE is_request(operation))
)
SELECT user_agent, unnest(agent)
FROM parsed;

-- The host that a URL names, in small letters, without user, port and final dot; NULL where it names none.
CREATE MACRO host_of(url) AS nullif(rtrim(lower(
    regexp_extract(url, '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#]*@)?(\[[^\]/?#]*\]|[^/?#:]*)', 1)
), '.'), '');

-- The referrer is a page of the site itself: its host is the one that the request named, the bucket, or one of the settings.
CREATE MACRO is_own_site(referrer, bucket, host_header) AS coalesce(
    host_of(referrer) IN (bucket, split_part(lower(host_header), ':', 1))
    OR host_of(referrer) IN (SELECT host FROM site_hosts), false
);
