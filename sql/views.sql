-- What reports and `accesslake sql` have besides the lake's own tables (access_log, rejects, ledger), the prices and the
-- hosts of the site, which come from the settings. `accesslake schema` describes all of it.

-- Downloads and attempts at them, over the REST interface and from website endpoints.
CREATE VIEW website_requests AS
SELECT * FROM access_log
WHERE operation IN ('REST.GET.OBJECT', 'WEBSITE.GET.OBJECT');

-- What lifecycle rules did: S3 itself is the requester.
CREATE VIEW lifecycle_events AS
SELECT * FROM access_log
WHERE requester = 'AmazonS3';

-- A request of somebody, not what lifecycle rules did. The address does not tell: a lake may keep none.
CREATE MACRO is_request(requester) AS requester IS DISTINCT FROM 'AmazonS3';

-- The user agents of all records: browser, bot, program or none, with family and operating system. Only what a user agent
-- says of itself. To be joined with IS NOT DISTINCT FROM: requests without a user agent have a row, too.
CREATE VIEW user_agents AS
WITH parsed AS MATERIALIZED (  -- or a filter on it would have the user agent of each record parsed
    SELECT user_agent, parse_user_agent(coalesce(user_agent, '')) AS agent
    FROM (SELECT DISTINCT user_agent FROM access_log WHERE is_request(requester))
)
SELECT user_agent, unnest(agent)
FROM parsed;

-- Operations that read an object's data.
CREATE MACRO is_read(operation) AS operation IN (
    'REST.GET.OBJECT', 'WEBSITE.GET.OBJECT', 'REST.COPY.OBJECT_GET', 'REST.COPY.PART_GET', 'REST.POST.SELECT',
    'REST.GET.TORRENT', 'SOAP.GET.OBJECT'
);

-- Operations that give a key new data. REST.POST.UPLOAD completes a multipart upload.
CREATE MACRO is_write(operation) AS operation IN (
    'REST.PUT.OBJECT', 'REST.POST.OBJECT', 'REST.POST.UPLOAD', 'REST.COPY.OBJECT', 'SOAP.PUT.OBJECT'
);

-- Deletions on request. BATCH.DELETE.OBJECT is one key of a multi-object delete.
CREATE MACRO is_delete(operation) AS operation IN ('REST.DELETE.OBJECT', 'BATCH.DELETE.OBJECT', 'SOAP.DELETE.OBJECT');

-- Lifecycle rules that take an object away: for good, or below a delete marker.
CREATE MACRO is_expiry(operation) AS operation IN ('S3.EXPIRE.OBJECT', 'S3.CREATE.DELETEMARKER');

-- Requests that change something in a bucket, if they succeed: objects, their properties, or its configuration.
CREATE MACRO is_change(operation) AS split_part(operation, '.', 2) IN ('PUT', 'POST', 'COPY', 'DELETE', 'PATCH')
    AND operation NOT LIKE '%.COPY.%_GET' AND NOT is_read(operation);

-- S3 did what was requested: not where it sent the client elsewhere (307), but where the client has it already (304).
-- Records of a copy or of a multi-object delete may have no status.
CREATE MACRO succeeded(http_status) AS coalesce(http_status, 200) < 300 OR coalesce(http_status, 0) = 304;

-- Who is behind a requester: of an assumed role the role, without the name of the session.
CREATE MACRO principal(requester) AS
CASE WHEN requester LIKE '%:assumed-role/%/%' THEN regexp_extract(requester, '^(.*:assumed-role/[^/]*)/', 1) ELSE requester END;

-- No credentials. The canonical id is what S3 wrote for anonymous requests until about 2009.
CREATE MACRO is_anonymous(requester) AS
coalesce(requester, '65a011a29cdf8ec533ec3d1ccaae921c') = '65a011a29cdf8ec533ec3d1ccaae921c';

-- The storage class that a lifecycle rule moves objects to; NULL for other operations.
CREATE MACRO storage_class(operation) AS CASE operation
    WHEN 'S3.TRANSITION_SIA.OBJECT' THEN 'STANDARD_IA'
    WHEN 'S3.TRANSITION_ZIA.OBJECT' THEN 'ONEZONE_IA'
    WHEN 'S3.TRANSITION_INT.OBJECT' THEN 'INTELLIGENT_TIERING'
    WHEN 'S3.TRANSITION_GIR.OBJECT' THEN 'GLACIER_IR'
    WHEN 'S3.TRANSITION.OBJECT' THEN 'GLACIER'
    WHEN 'S3.TRANSITION_GDA.OBJECT' THEN 'DEEP_ARCHIVE'
END;

-- The line of S3's price list that a request is under; those of objects in other classes than Standard cost more.
-- The record of a copy's source, and those of the keys of a multi-object delete, are part of another request.
CREATE MACRO price_class(operation) AS CASE
    WHEN storage_class(operation) IS NOT NULL THEN 'transition_' || lower(storage_class(operation))
    WHEN operation LIKE 'S3.%' OR operation LIKE '%.DELETE.%' OR operation LIKE '%.COPY.%_GET'
        OR operation = 'REST.POST.MULTI_OBJECT_DELETE' THEN 'free'
    WHEN operation IN ('REST.GET.BUCKET', 'REST.GET.BUCKETVERSIONS', 'REST.GET.UPLOADS', 'REST.GET.UPLOAD')
        OR operation LIKE '%.PUT.%' OR operation LIKE '%.COPY.%'
        OR (operation LIKE '%.POST.%' AND operation <> 'REST.POST.SELECT') THEN 'put_copy_post_list'
    ELSE 'get_and_others'
END;

-- What AWS bills: not free operations, server errors, redirects to another endpoint, nor what outsiders are denied (AWS's
-- page "Billing for Amazon S3 error responses"). A signed request is taken for one of the owner's account.
CREATE MACRO is_billed(operation, http_status, error_code, requester) AS price_class(operation) <> 'free' AND NOT (
    coalesce(http_status, 200) >= 500
    OR (coalesce(error_code, '') = 'AccessDenied' AND is_anonymous(requester))
    OR coalesce(error_code, '') IN (
        'PermanentRedirect', 'PermanentRedirectControlError', 'TemporaryRedirect', 'AuthorizationHeaderMalformed',
        'AuthorizationQueryParametersError', 'ConnectionClosedByRequester', 'EndpointNotFound', 'ExpiredToken',
        'IllegalLocationConstraintException', 'InvalidArgument', 'InvalidDigest', 'InvalidEncryptionAlgorithmError',
        'InvalidHostHeader'
    )
);

-- Bytes that left AWS, as far as a record tells: not those sent to a Region of AWS or to CloudFront, which are free or
-- cheaper. Records before 2026 have no source Region, so this is the most that it can be.
CREATE MACRO egress_bytes(bytes_sent, source_region, user_agent) AS CASE
    WHEN source_region IS NULL AND coalesce(user_agent, '') <> 'Amazon CloudFront' THEN bytes_sent
END;

-- The price of one request of a price class; 0 where there is none, as for deletions.
CREATE MACRO request_price(class) AS coalesce((SELECT price / 1000 FROM prices WHERE price_class = class), 0);

-- The price of one byte that leaves AWS.
CREATE MACRO egress_price() AS (SELECT price / 1e9 FROM prices WHERE price_class = 'egress');

-- A sum that is 0 where there is nothing to add; no sum is too large for it, however odd its numbers.
CREATE MACRO total(number) AS least(coalesce(sum(number), 0), 9223372036854775807)::BIGINT;

-- The last day with records, without those that claim to come from days after tomorrow (UTC).
CREATE MACRO newest_day() AS (
    SELECT max(date) FROM access_log WHERE date <= (now() AT TIME ZONE 'UTC')::DATE + 1
);

-- A part of a whole, in percent; NULL where the whole is nothing.
CREATE MACRO percent(part, whole) AS round(100 * part / nullif(whole, 0), 2)::DOUBLE;

-- The host that a URL names, in small letters, without user, port and final dot; NULL where it names none.
CREATE MACRO host_of(url) AS nullif(rtrim(lower(
    regexp_extract(url, '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#]*@)?(\[[^\]/?#]*\]|[^/?#:]*)', 1)
), '.'), '');

-- The referrer is a page of the site itself: its host is the one that the request named, the bucket, or one of the settings.
CREATE MACRO is_own_site(referrer, bucket, host_header) AS coalesce(
    host_of(referrer) IN (bucket, split_part(lower(host_header), ':', 1))
    OR host_of(referrer) IN (SELECT host FROM site_hosts), false
);
