-- What a record is of, who is behind it, and what became of it: one meaning for each word that reports use.

-- A request of somebody. Records are not requests: what S3 does by itself (lifecycle rules, checksum jobs) has records,
-- a copy has two, and a multi-object delete one for each key besides its own.
CREATE MACRO is_request(operation) AS NOT (
    operation LIKE 'S3.%' OR operation LIKE '%.COPY.%_GET' OR operation = 'BATCH.DELETE.OBJECT'
);

-- The records of access_log that are requests.
CREATE VIEW requests AS
SELECT * FROM access_log
WHERE is_request(operation);

-- What a lifecycle rule did. The requester does not tell: it is AmazonS3 at AWS, and other stores have names of their own.
CREATE MACRO is_lifecycle(operation) AS operation LIKE 'S3.%' AND operation <> 'S3.COMPUTE.OBJECT.CHECKSUM';

-- What lifecycle rules did.
CREATE VIEW lifecycle_events AS
SELECT * FROM access_log
WHERE is_lifecycle(operation);

-- Operations that read an object's data.
CREATE MACRO is_read(operation) AS operation IN (
    'REST.GET.OBJECT', 'WEBSITE.GET.OBJECT', 'REST.COPY.OBJECT_GET', 'REST.COPY.PART_GET', 'REST.POST.SELECT',
    'REST.GET.TORRENT', 'SOAP.GET.OBJECT'
);

-- Operations that look whether an object is there.
CREATE MACRO is_look(operation) AS operation IN ('REST.HEAD.OBJECT', 'WEBSITE.HEAD.OBJECT');

-- Operations that give a key new data. REST.POST.UPLOAD completes a multipart upload, REST.POST.BUCKET is an HTML form.
CREATE MACRO is_write(operation) AS operation IN (
    'REST.PUT.OBJECT', 'REST.POST.OBJECT', 'REST.POST.BUCKET', 'REST.POST.UPLOAD', 'REST.COPY.OBJECT', 'SOAP.PUT.OBJECT'
);

-- Operations that upload data, or begin to: those that write, and the steps of a multipart upload.
CREATE MACRO is_upload(operation) AS is_write(operation) OR operation IN (
    'REST.PUT.PART', 'REST.POST.UPLOADS', 'REST.COPY.PART'
);

-- Deletions on request. BATCH.DELETE.OBJECT is one key of a multi-object delete.
CREATE MACRO is_delete(operation) AS operation IN ('REST.DELETE.OBJECT', 'BATCH.DELETE.OBJECT', 'SOAP.DELETE.OBJECT');

-- Requests that change something in a bucket, if they succeed: objects, their properties, or its configuration.
CREATE MACRO is_change(operation) AS split_part(operation, '.', 2) IN ('PUT', 'POST', 'COPY', 'DELETE', 'PATCH')
    AND operation NOT LIKE '%.COPY.%_GET' AND operation NOT LIKE 'S3.%' AND NOT is_read(operation);

-- Changes of a bucket rather than of an object, of those whose key is NULL. By exclusion, so that new settings are among
-- them. A key is missing, too, where somebody posts a form to a bucket, or an object's name is empty.
CREATE MACRO is_configuration_change(operation) AS is_change(operation) AND operation NOT LIKE 'BATCH.%'
    AND operation <> 'REST.POST.BUCKET' AND split_part(operation, '.', 3) NOT IN (
        'OBJECT', 'PART', 'UPLOAD', 'UPLOADS', 'MULTI_OBJECT_DELETE', 'PREFLIGHT', 'RESTORE', 'SELECT', 'OBJECT_TAGGING',
        'RETENTION', 'LEGAL_HOLD'
    );

-- S3 did what was requested: not where it sent the client elsewhere (307), but where the client has it already (304).
-- Records that are no requests may have no status; a request without one is a line that could not be read for sure.
CREATE MACRO succeeded(operation, http_status) AS
coalesce(http_status, CASE WHEN is_request(operation) THEN 0 ELSE 200 END) BETWEEN 200 AND 299
OR coalesce(http_status, 0) = 304;

-- S3 would not or could not do what was requested (4xx, 5xx). Not where "there is none" is an answer: to HEAD, and to
-- whoever looks up a configuration that a bucket need not have. Nor where an object is archived, and has to be restored.
CREATE MACRO failed(operation, http_status, error_code) AS coalesce(http_status, 0) >= 400 AND NOT (
    (http_status = 404 AND (
        operation LIKE '%.HEAD.%'
        OR coalesce(error_code, '') IN ('NoSuchBucketPolicy', 'NoSuchTagSet', 'NoSuchTagSetError')
        OR coalesce(error_code, '') LIKE 'NoSuch%Configuration'
        OR coalesce(error_code, '') LIKE '%NotFoundError'
    ))
    OR (http_status = 403 AND coalesce(error_code, '') = 'InvalidObjectState')
);

-- S3 refused a request because whoever sent it may not do that. A response to HEAD has no error code. Not among them:
-- credentials that are wrong, and objects that are archived.
CREATE MACRO denied(http_status, error_code) AS coalesce(http_status, 0) = 403
    AND coalesce(error_code, 'AccessDenied') IN ('AccessDenied', 'AllAccessDisabled', 'AccountProblem');

-- Who is behind a requester: of an assumed role the role, without the name of the session. A user's path may look like a
-- role, but stands elsewhere.
CREATE MACRO principal(requester) AS
CASE
    WHEN requester LIKE 'arn:%:sts::%:assumed-role/%/%'
        THEN coalesce(nullif(regexp_extract(requester, '^(arn:[^:]*:sts::[^:]*:assumed-role/[^/]*)/', 1), ''), requester)
    WHEN requester <> '65a011a29cdf8ec533ec3d1ccaae921c' THEN requester
END;

-- The AWS account of a requester's ARN; NULL for services, canonical ids and CloudFront's identities.
CREATE MACRO account_of(requester) AS
nullif(regexp_extract(coalesce(requester, ''), '^arn:[^:]*:(?:iam|sts)::(\d{12}):', 1), '');

-- A requester of an account that is none of the owner's; false unless the settings have `accounts`.
CREATE MACRO is_foreign(requester) AS
coalesce(NOT list_contains((SELECT list(account) FROM own_accounts), account_of(requester)), false);

-- CloudFront, which fetches objects for people of whom the log knows nothing: by an origin access control, an origin
-- access identity, or its user agent.
CREATE MACRO is_cloudfront(requester, user_agent) AS coalesce(
    requester LIKE 'svc:cloudfront.%' OR requester LIKE 'arn:%:iam::cloudfront:%' OR user_agent = 'Amazon CloudFront',
    false
);

-- A service rather than a person or a program: a service of AWS, also by its service-linked role, S3 itself, or
-- CloudFront. The name of a session tells nothing: whoever assumes a role chooses it.
CREATE MACRO is_service(requester) AS coalesce(
    requester LIKE 'svc:%' OR requester = 'AmazonS3' OR is_cloudfront(requester, NULL)
    OR regexp_matches(requester, '^arn:[^:]*:sts::[^:]*:assumed-role/AWSServiceRoleFor'), false
);

-- No requester. The canonical id is what S3 wrote for anonymous requests until about 2009.
CREATE MACRO is_nobody(requester) AS
coalesce(requester, '65a011a29cdf8ec533ec3d1ccaae921c') = '65a011a29cdf8ec533ec3d1ccaae921c';

-- Requests without credentials. Not the preflights of browsers, which never have any and which no policy lets in.
CREATE MACRO is_anonymous(operation, requester, authentication_type) AS
is_request(operation) AND is_nobody(requester) AND authentication_type IS NULL AND operation NOT LIKE 'REST.OPTIONS.%';

-- Requests that were signed, with credentials that are wrong or have expired: whose they are, nobody knows.
CREATE MACRO is_unverified(requester, authentication_type) AS is_nobody(requester) AND authentication_type IS NOT NULL;

-- A sum that is 0 where there is nothing to add; no sum is too large for it, however odd its numbers.
CREATE MACRO total(number) AS least(coalesce(sum(number), 0), 9223372036854775807)::BIGINT;

-- A day that a record can be of: some claim to come from days after tomorrow (UTC).
CREATE MACRO is_possible_day(date) AS date <= (now() AT TIME ZONE 'UTC')::DATE + 1;

-- The last day with records, as far as it is possible.
CREATE MACRO newest_day() AS (SELECT max(date) FROM access_log WHERE is_possible_day(date));

-- The folder that a key is in, right below the folder `below` ('' for the top); it ends in a slash, and is `below` for
-- keys that are in no folder there.
CREATE MACRO folder_of(key, below) AS
below || left(substr(key, length(below) + 1), instr(substr(key, length(below) + 1), '/'));

-- The same, with as many levels of folders as `depth` says; of a key with fewer folders, all of them.
CREATE MACRO folder_at(key, below, depth) AS CASE
    WHEN depth = 1 THEN folder_of(key, below)  -- which takes half the time
    ELSE below || regexp_extract(
        substr(key, length(below) + 1), '^(?:[^/]*/){0,' || greatest(least(depth, 1000), 0) || '}'  -- no more is possible
    )
END;

-- The path in a URL, without the slash before it and what follows it; NULL for other texts.
CREATE MACRO path_of(url) AS nullif(regexp_extract(url, '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]+/([^?#]+)', 1), '');

-- The key in access_log that somebody means who writes one: as it is there, or else without the slash before it, as the
-- path of a URL (s3://bucket/key, https://host/key), or with its escapes decoded. NULL where there is none of these.
CREATE MACRO key_meant(written) AS (
    SELECT arg_min(key, (key <> written, key <> ltrim(written, '/'), key IS DISTINCT FROM path_of(written), key))
    FROM access_log
    WHERE key IN (
        written, ltrim(written, '/'), path_of(written),
        TRY(url_decode(ltrim(written, '/'))), TRY(url_decode(path_of(written)))
    )
);

-- A part of a whole, in percent; NULL where the whole is nothing.
CREATE MACRO percentage(part, whole) AS round(100 * part::DOUBLE / nullif(whole, 0), 2);
