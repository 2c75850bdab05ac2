-- Visits of a website.

-- The addresses, requesters and user agents in the log that the settings leave out (`exclude`). Each of these views looks
-- at different values, not at records. They pass through a list, or DuckDB would expect so many that it would rather
-- remember all records than them.
CREATE VIEW excluded_addresses AS
SELECT unnest(list(remote_ip)) AS remote_ip
FROM (SELECT DISTINCT remote_ip FROM access_log WHERE remote_ip IS NOT NULL)
JOIN excluded ON kind = 'address' AND is_in_network(remote_ip, value)
GROUP BY kind;

CREATE VIEW excluded_requesters AS
SELECT unnest(list(requester)) AS requester
FROM (SELECT DISTINCT requester FROM access_log WHERE requester IS NOT NULL)
JOIN excluded ON kind = 'requester' AND value IN (requester, principal(requester))
GROUP BY kind;

CREATE VIEW excluded_user_agents AS
SELECT unnest(list(user_agent)) AS user_agent
FROM (SELECT DISTINCT user_agent FROM access_log WHERE user_agent IS NOT NULL)
JOIN excluded ON kind = 'user agent' AND contains(lower(user_agent), lower(value))
GROUP BY kind;

-- Downloads and attempts at them, over the REST interface and from website endpoints; not of those that the settings
-- leave out.
CREATE VIEW website_requests AS
SELECT * FROM access_log
ANTI JOIN excluded_addresses USING (remote_ip)
ANTI JOIN excluded_requesters USING (requester)
ANTI JOIN excluded_user_agents USING (user_agent)
WHERE operation IN ('REST.GET.OBJECT', 'WEBSITE.GET.OBJECT');

-- The record tells who is behind a request: its address is kept, and it did not come through CloudFront.
CREATE MACRO is_known(remote_ip, requester, user_agent) AS
remote_ip IS NOT NULL AND NOT is_cloudfront(requester, user_agent);

-- S3 sent an object or a part of it, or the client has it already.
CREATE MACRO is_answered(http_status) AS coalesce(http_status IN (200, 206, 304), false);

-- Of requests for objects: those of the public that were answered. They have no credentials, or came through CloudFront.
CREATE MACRO is_visit(operation, requester, authentication_type, http_status) AS is_answered(http_status)
    AND (is_anonymous(operation, requester, authentication_type) OR is_cloudfront(requester, NULL));

-- Requests of the public for objects that were answered. A visitor is an address with a user agent.
CREATE VIEW visits AS
SELECT * FROM website_requests
WHERE is_visit(operation, requester, authentication_type, http_status);

-- How many people or clients there are, of whom so many are known: NULL where there were requests, but of nobody known.
CREATE MACRO number_of_known(known, everybody) AS CASE WHEN known > 0 OR everybody = 0 THEN known END;

-- The user agents of all records: browser, bot, program or none, with family and operating system. Only what a user agent
-- says of itself. To be joined with IS NOT DISTINCT FROM: requests without a user agent have a row, too.
CREATE VIEW user_agents AS
WITH parsed AS MATERIALIZED (  -- or a filter on it would have the user agent of each record parsed
    SELECT user_agent, parse_user_agent(coalesce(user_agent, '')) AS agent
    FROM (SELECT DISTINCT user_agent FROM access_log WHERE is_request(operation))
)
SELECT user_agent, agent.kind, agent.family, agent.system
FROM parsed;

-- What people open in a browser, not what it loads with that: keys that end in `.html` and its like, or in a slash; of
-- website endpoints also those without a suffix, and the root, which may have no key.
CREATE MACRO is_page(operation, key) AS CASE
    WHEN key IS NULL OR NOT contains(split_part(key, '/', -1), '.')
        THEN operation LIKE 'WEBSITE.%' OR coalesce(ends_with(key, '/'), false)
    ELSE lower(split_part(key, '.', -1)) IN ('htm', 'html', 'shtml', 'xhtml')
END;

-- The records of website_requests; with `people`, only those of browsers that people use, not of bots and programs; with
-- `pages`, only those of pages.
CREATE MACRO website_requests_of(people, pages) AS TABLE
SELECT * FROM website_requests
ANTI JOIN (  -- of no user agents, and so no join, unless `people` is true
    SELECT user_agent FROM user_agents
    WHERE people AND kind <> 'browser'
) USING (user_agent)
WHERE (NOT people OR user_agent IS NOT NULL) AND (NOT pages OR is_page(operation, key));

-- The addresses of all requests, with what the databases of the setting `geo_database` say of them: country, and network
-- (number and organization). Without these databases nothing is known.
CREATE VIEW located_addresses AS
WITH located AS MATERIALIZED (  -- or each record would be looked up
    SELECT remote_ip, location_of(remote_ip) AS location
    FROM (SELECT DISTINCT remote_ip FROM access_log WHERE is_request(operation) AND remote_ip IS NOT NULL)
)
SELECT remote_ip, location.country, location.asn, location.organization
FROM located;

-- The host that a URL names, in small letters, without user, port and final dot; NULL where it names none.
CREATE MACRO host_of(url) AS nullif(rtrim(lower(
    regexp_extract(url, '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#]*@)?(\[[^\]/?#]*\]|[^/?#:]*)', 1)
), '.'), '');

-- The first part of a URL's path.
CREATE MACRO first_folder_of(url) AS regexp_extract(url, '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*/([^/?#]*)', 1);

-- A host of S3, or of a store like it, that serves many buckets: which one, the path tells.
CREATE MACRO is_shared_host(host) AS regexp_matches(host, '^(s3[.-].*|localhost|[0-9.]+|\[.*)$');

-- A host of S3 that serves this bucket alone, such as its website endpoint.
CREATE MACRO is_host_of_bucket(host, bucket) AS starts_with(host, bucket || '.s3')
    AND regexp_matches(substr(host, length(bucket) + 1), '^\.s3[.-][a-z0-9.-]*\.amazonaws\.com(\.cn)?$');

-- The referrer is a page of the site itself: its host is the bucket, one that serves the bucket, the one that the request
-- named, or one of the settings. Of hosts that serve many buckets, the page has to be in this one.
CREATE MACRO is_own_site(referrer, bucket, host_header) AS coalesce(
    host_of(referrer) = lower(bucket)
    OR is_host_of_bucket(host_of(referrer), lower(bucket))
    OR CASE
        WHEN is_shared_host(host_of(referrer)) THEN first_folder_of(referrer) = bucket
        ELSE host_of(referrer) = split_part(lower(host_header), ':', 1)
    END
    OR host_of(referrer) IN (SELECT host FROM site_hosts),
    false
);

-- What pages show as their own: pictures, sounds, films, fonts, style sheets and scripts.
CREATE MACRO is_embedded(key) AS contains(coalesce(key, ''), '.') AND lower(split_part(key, '.', -1)) IN (
    'apng', 'avif', 'bmp', 'css', 'gif', 'ico', 'jpeg', 'jpg', 'js', 'm4a', 'm4v', 'mov', 'mp3', 'mp4', 'ogg', 'ogv',
    'otf', 'png', 'svg', 'tif', 'tiff', 'ttf', 'wav', 'webm', 'webp', 'woff', 'woff2'
);
