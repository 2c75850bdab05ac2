-- What S3 charges for, and whom.

-- Requests that list: keys, versions, unfinished uploads, and the parts of one.
CREATE MACRO is_list(operation) AS operation IN (
    'REST.GET.BUCKET', 'REST.GET.BUCKETVERSIONS', 'REST.GET.UPLOADS', 'REST.GET.UPLOAD'
);

-- The line of S3's price list that a request is under, as if its object were in the class Standard. The record of a
-- copy's source, and those of the keys of a multi-object delete, are part of another request. Asked for again, a
-- restore is charged as a GET: only the first (202) is one.
CREATE MACRO price_class(operation, http_status) AS CASE
    WHEN storage_class(operation) IS NOT NULL THEN 'transition_' || lower(storage_class(operation))
    WHEN operation LIKE 'S3.%' OR operation LIKE '%.DELETE.%' OR operation LIKE '%.COPY.%_GET'
        OR operation = 'REST.POST.MULTI_OBJECT_DELETE' THEN 'free'
    WHEN operation = 'REST.POST.RESTORE' AND http_status = 202 THEN 'restore'
    WHEN operation IN ('REST.POST.RESTORE', 'REST.POST.SELECT') THEN 'get_and_others'
    WHEN is_list(operation) OR operation LIKE '%.PUT.%' OR operation LIKE '%.COPY.%' OR operation LIKE '%.POST.%'
        THEN 'put_copy_post_list'
    ELSE 'get_and_others'
END;

-- Responses that AWS's page "Billing for Amazon S3 error responses" names (autumn 2026): pairs of status and code.
CREATE MACRO is_unbilled_error(http_status, error_code) AS CASE http_status
    WHEN 301 THEN error_code IN ('PermanentRedirect', 'PermanentRedirectControlError')
    WHEN 307 THEN error_code = 'TemporaryRedirect'
    WHEN 400 THEN error_code IN (
        'AuthorizationHeaderMalformed', 'AuthorizationQueryParametersError', 'ConnectionClosedByRequester',
        'DeviceNotActiveError', 'EndpointNotFound', 'ExpiredToken', 'IllegalLocationConstraintException',
        'IncorrectEndpoint', 'InvalidArgument', 'InvalidBucketOwnerAWSAccountID', 'InvalidDigest',
        'InvalidEncryptionAlgorithmError', 'InvalidHostHeader', 'InvalidHttpMethod', 'InvalidRequest',
        'InvalidSessionException', 'InvalidSignature', 'InvalidSOAPRequest', 'InvalidStorageClass', 'InvalidTag',
        'InvalidToken', 'InvalidURI', 'KeyTooLongError', 'KMS.DisabledException', 'KMS.InvalidKeyUsageException',
        'KMS.KMSInvalidStateException', 'KMS.NotFoundException', 'LambdaInvalidResponse', 'LambdaInvocationFailed',
        'MalformedACLError', 'MalformedPOSTRequest', 'MalformedXML', 'MaxPostPreDataLengthExceededError',
        'MetadataTooLarge', 'MissingAttachment', 'MissingRequestBodyError', 'MissingSecurityHeader',
        'NoLoggingStatusForKey', 'NotDeviceOwnerError', 'RequestHeaderSectionTooLarge', 'ResponseInterrupted',
        'TokenCodeInvalidError', 'UnexpectedContent', 'UnsupportedArgument', 'UnsupportedSignature',
        'UserKeyMustBeSpecified', 'ValidationError'
    )
    WHEN 403 THEN error_code IN (
        'AccountProblem', 'InvalidAccessKeyId', 'InvalidPayer', 'InvalidSecurity', 'LambdaPermissionError',
        'MissingAuthenticationToken', 'NotSignedUp', 'RequestTimeTooSkewed', 'SignatureDoesNotMatch',
        'UnauthorizedAccessError', 'UnexpectedIPError'
    )
    WHEN 404 THEN error_code IN (
        'LambdaNotFound', 'NoSuchAsyncRequest', 'NoSuchObjectLockConfiguration', 'NoSuchUpload',
        'NoSuchWebsiteConfiguration', 'NoTransformationDefined', 'ObjectLockConfigurationNotFoundError'
    )
    WHEN 405 THEN error_code = 'MethodNotAllowed'
    WHEN 409 THEN error_code IN ('BucketAlreadyExists', 'InvalidBucketState', 'OperationAborted')
    WHEN 411 THEN error_code = 'MissingContentLength'
    WHEN 412 THEN error_code = 'RequestIsNotMultiPartContent'
    WHEN 416 THEN error_code = 'InvalidRange'
    ELSE http_status >= 500
END;

-- Access that was denied to somebody from outside the owner's accounts, for which AWS charges neither the request nor
-- its bytes; website endpoints charge both. Whoever S3 could not identify is from outside, and accounts that are none
-- of the settings' `accounts`. A response to HEAD has no error code.
CREATE MACRO is_denied_outsider(operation, http_status, error_code, requester) AS CASE
    WHEN http_status = 403 AND coalesce(error_code, 'AccessDenied') = 'AccessDenied' AND operation NOT LIKE 'WEBSITE.%'
        THEN is_nobody(requester) OR is_foreign(requester)
    ELSE false
END;

-- What AWS bills. Website endpoints answer errors with a document or a redirect of the bucket's own, which is billed.
CREATE MACRO is_billed(operation, http_status, error_code, requester) AS
price_class(operation, http_status) <> 'free'
AND NOT is_denied_outsider(operation, http_status, error_code, requester)
AND NOT coalesce(
    CASE WHEN operation LIKE 'WEBSITE.%' THEN http_status >= 500 ELSE is_unbilled_error(http_status, error_code) END,
    false
);

-- Whether a request is at the expense of whoever sent it: in the buckets of the setting `requester_pays`, unless it was
-- refused (403), had no credentials, or was of a service or of an account of the owner's. Where the owner's accounts are
-- set, whoever has a canonical id, which names no account, may be the owner.
CREATE MACRO paid_by_requester(of_bucket, http_status, requester) AS CASE
    WHEN list_contains((SELECT list(bucket) FROM requester_pays_buckets), of_bucket)
        THEN coalesce(http_status, 0) <> 403 AND NOT is_nobody(requester) AND NOT is_service(requester)
            AND coalesce(
                NOT list_contains((SELECT list(account) FROM own_accounts), account_of(requester)),
                (SELECT count(*) = 0 FROM own_accounts)
            )
    ELSE false
END;

-- Whether the bucket's owner pays for the bytes of a request, both ways.
CREATE MACRO is_charged(of_bucket, operation, http_status, error_code, requester) AS
NOT is_denied_outsider(operation, http_status, error_code, requester)
AND NOT paid_by_requester(of_bucket, http_status, requester);

-- The Region that a host of S3 names: in any of its forms, with endpoints of a VPC and of websites; NULL for others.
CREATE MACRO host_region(host_header) AS nullif(regexp_extract(
    lower(host_header),
    '[.-]((?:[a-z]{2}|us-gov|[a-z]{2}-iso[a-z]?|eusc-de)-[a-z]+-\d+)'
    || '\.(?:vpce\.)?amazonaws\.(?:com|com\.cn|eu)(?::\d+)?$',
    1
), '');

-- The Region of each bucket, as far as hosts tell: the one that most answered requests name. The host without a Region
-- is that of us-east-1, where no other is named, and so is s3-external-1.
CREATE VIEW bucket_regions AS
WITH hosts AS (
    SELECT bucket, host_header, count(*) AS n
    FROM access_log
    WHERE http_status BETWEEN 200 AND 299
    GROUP BY bucket, host_header
),

regions AS (
    SELECT
        bucket,
        host_region(host_header) AS region,
        bool_or(regexp_matches(lower(host_header), '(?:^|\.)s3(?:-external-1)?\.amazonaws\.com(?::\d+)?$')) AS is_global,
        sum(n) AS n
    FROM hosts
    GROUP BY bucket, region
)

SELECT
    bucket,
    coalesce(
        max_by(region, (n, region)) FILTER (WHERE region IS NOT NULL),
        CASE WHEN bool_or(is_global) THEN 'us-east-1' END
    ) AS region
FROM regions
GROUP BY bucket;

-- Addresses that requests have which come through an endpoint of a VPC: RFC 1918, 100.64.0.0/10, link-local and unique
-- local ones. Those of a lake that hashes or drops addresses are not known to be any.
CREATE MACRO is_private(remote_ip) AS coalesce(CASE
    WHEN contains(remote_ip, ':') THEN regexp_matches(
        lower(remote_ip),
        '^(?:f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:'  -- and IPv4 in IPv6's form
        || '|::ffff:(?:10|192\.168|169\.254|172\.(?:1[6-9]|2\d|3[01])|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\.)'
    )
    WHEN remote_ip LIKE '172.%' THEN TRY_CAST(split_part(remote_ip, '.', 2) AS INTEGER) BETWEEN 16 AND 31
    WHEN remote_ip LIKE '100.%' THEN TRY_CAST(split_part(remote_ip, '.', 2) AS INTEGER) BETWEEN 64 AND 127
    ELSE remote_ip LIKE '10.%' OR remote_ip LIKE '192.168.%' OR remote_ip LIKE '169.254.%'
END, false);

-- Where a response went, which its price depends on: the internet, another Region of AWS; or, free of charge,
-- CloudFront, a service of AWS, the bucket's own Region, or an endpoint of a VPC. Where the bucket's Region is not
-- known, a Region counts as another one, and where nothing is known, it is the internet.
CREATE MACRO transfer(remote_ip, requester, user_agent, source_region, bucket_region) AS CASE
    WHEN is_cloudfront(requester, user_agent) THEN 'cloudfront'
    WHEN coalesce(starts_with(requester, 'svc:'), false) THEN 'service'
    WHEN source_region = bucket_region THEN 'same_region'
    WHEN source_region IS NOT NULL THEN 'other_region'
    WHEN is_private(remote_ip) THEN 'private'
    ELSE 'internet'
END;

-- Transfer Acceleration, and access points of several Regions: charged for both ways, besides other transfer.
CREATE MACRO is_accelerated(host_header) AS coalesce(
    contains(lower(host_header), 's3-accelerate.') OR contains(lower(host_header), '.accesspoint.s3-global.'), false
);

-- Bytes that came with a request. A copy and the completion of a multipart upload have a size, too, but send none.
CREATE MACRO uploaded_bytes(operation, http_status, object_size) AS CASE
    WHEN operation IN ('REST.PUT.OBJECT', 'REST.PUT.PART', 'REST.POST.OBJECT', 'REST.POST.BUCKET', 'SOAP.PUT.OBJECT')
        AND succeeded(operation, http_status) THEN object_size
END;

-- The records of access_log with the bytes that AWS charges the owner for, by where they went.
CREATE VIEW transfers AS
WITH charged AS (
    SELECT
        *,
        transfer(remote_ip, requester, user_agent, source_region, region) AS transfer,
        is_charged(bucket, operation, http_status, error_code, requester) AS is_charged
    FROM access_log
    LEFT JOIN bucket_regions USING (bucket)
)

SELECT
    * EXCLUDE (region, is_charged),
    CASE WHEN is_charged AND transfer = 'internet' THEN bytes_sent END AS egress_bytes,
    CASE WHEN is_charged AND transfer = 'other_region' THEN bytes_sent END AS region_bytes,
    CASE
        WHEN is_charged AND is_accelerated(host_header)
            THEN coalesce(bytes_sent, 0) + coalesce(uploaded_bytes(operation, http_status, object_size), 0)
    END AS accelerated_bytes
FROM charged;

-- The price of one request of a price class; 0 where there is none, as for deletions.
CREATE MACRO request_price(class) AS coalesce((SELECT price / 1000 FROM prices WHERE price_class = class), 0);

-- The price of a number of bytes, where one GB (2^30 bytes, as AWS counts) has the price of this name in the settings.
CREATE MACRO byte_cost(bytes, name) AS bytes * (SELECT price / 1073741824 FROM prices WHERE price_class = name);

-- The price of one GB, or of 1,000 requests, by its name in the settings.
CREATE MACRO price_of(name) AS (SELECT price FROM prices WHERE price_class = name);

-- Bytes as AWS bills them: in GB of 2^30 bytes.
CREATE MACRO gigabytes(bytes) AS bytes / 1073741824;

-- What the egress of a whole month costs: so many GB are free, and beyond 10, 50 and 150 TB each GB costs less.
CREATE MACRO month_of_egress(bytes) AS
greatest(least(gigabytes(bytes), 10240) - price_of('egress_free_gb'), 0) * price_of('egress')
+ greatest(least(gigabytes(bytes), 51200) - 10240, 0) * price_of('egress_over_10_tb')
+ greatest(least(gigabytes(bytes), 153600) - 51200, 0) * price_of('egress_over_50_tb')
+ greatest(gigabytes(bytes) - 153600, 0) * price_of('egress_over_150_tb');

-- What data transfer costs: to the internet, to other Regions, and accelerated.
CREATE MACRO transfer_cost(egress_bytes, region_bytes, accelerated_bytes) AS byte_cost(egress_bytes, 'egress')
    + byte_cost(region_bytes, 'egress_regions') + byte_cost(accelerated_bytes, 'acceleration');

-- Reads of objects in a class with a price of its own for them: those that a lifecycle rule moved there, and nobody
-- wrote since. Of a version, where the record of the move names one. A copy reads all of its source; one in parts does so
-- once a day, as the records of its parts have the size of the whole.
CREATE VIEW cold_reads AS
WITH moves AS MATERIALIZED (  -- found by their prefix, which is looked for while the records are read
    SELECT bucket, key, version_id, time, storage_class(operation) AS storage_class
    FROM access_log
    WHERE operation LIKE 'S3.TRANSITION%' AND storage_class(operation) IS NOT NULL AND key IS NOT NULL
),

-- One pass for reads and writes, and none where there are no moves. The list has DuckDB look records up among the
-- moves, not the other way around.
uses AS MATERIALIZED (
    SELECT *
    FROM access_log
    WHERE key IN (SELECT unnest(list(DISTINCT key)) FROM moves)
        AND (is_read(operation) OR is_write(operation))
        AND succeeded(operation, http_status)
        AND http_status IS DISTINCT FROM 304
),

changes AS (
    SELECT bucket, key, version_id, time, storage_class FROM moves
    UNION ALL
    SELECT bucket, key, NULL AS version_id, time, 'STANDARD' AS storage_class FROM uses WHERE is_write(operation)
),

reads AS (
    SELECT
        *,
        CASE
            WHEN operation = 'REST.COPY.PART_GET'
                THEN object_size / count(*) OVER (PARTITION BY date, bucket, key, version_id, requester, operation)
            WHEN operation LIKE '%.COPY.%' THEN object_size
            ELSE bytes_sent
        END AS retrieved_bytes
    FROM uses
    WHERE is_read(operation)
)

SELECT reads.*, changes.storage_class
FROM reads
ASOF JOIN changes
    ON reads.bucket = changes.bucket AND reads.key = changes.key
    AND coalesce(reads.version_id, '') = coalesce(changes.version_id, '') AND reads.time >= changes.time
WHERE changes.storage_class IN ('STANDARD_IA', 'ONEZONE_IA', 'GLACIER_IR');

-- How the Cost and Usage Report calls the class of a price class of reads.
CREATE MACRO short_class(price_class) AS CASE price_class
    WHEN 'get_standard_ia' THEN 'SIA'
    WHEN 'get_onezone_ia' THEN 'ZIA'
    WHEN 'get_glacier_ir' THEN 'GIR'
END;

-- What requests and the bytes of both ways cost the owner, by day, bucket, principal, operation, response, and the way
-- that the bytes took. Objects are taken to be in the class Standard unless a lifecycle rule is seen to move them.
CREATE VIEW request_costs AS
WITH records AS (  -- before macros with regular expressions, which are slow
    SELECT
        date,
        bucket,
        requester,
        operation,
        http_status,
        error_code,
        transfer,
        is_accelerated(host_header) AS is_accelerated,
        count(*) AS n,
        total(bytes_sent) AS bytes_sent,
        total(uploaded_bytes(operation, http_status, object_size)) AS bytes_uploaded
    FROM transfers
    GROUP BY date, bucket, requester, operation, http_status, error_code, transfer, is_accelerated
),

charged AS (
    SELECT
        date,
        bucket,
        principal(requester) AS principal,
        operation,
        http_status,
        error_code,
        transfer,
        is_accelerated,
        price_class(operation, http_status) AS price_class,
        CASE WHEN is_request(operation) THEN n ELSE 0 END AS requests,
        CASE
            WHEN is_billed(operation, http_status, error_code, requester)
                AND NOT paid_by_requester(bucket, http_status, requester) THEN n
            ELSE 0
        END AS billed,
        bytes_sent,
        bytes_uploaded,
        is_charged(bucket, operation, http_status, error_code, requester) AS is_charged
    FROM records
),

summed AS (
    SELECT
        date,
        bucket,
        principal,
        operation,
        http_status,
        error_code,
        price_class,
        transfer,
        is_accelerated,
        total(requests) AS requests,
        total(billed) AS billed,
        total(CASE WHEN is_charged THEN bytes_sent END) AS charged_bytes,
        total(CASE WHEN is_charged THEN bytes_uploaded END) AS uploaded_bytes,
        CASE WHEN transfer = 'internet' THEN charged_bytes ELSE 0 END AS egress_bytes,
        CASE WHEN transfer = 'other_region' THEN charged_bytes ELSE 0 END AS region_bytes,
        CASE WHEN is_accelerated THEN charged_bytes + uploaded_bytes ELSE 0 END AS accelerated_bytes
    FROM charged
    GROUP BY date, bucket, principal, operation, http_status, error_code, price_class, transfer, is_accelerated
),

cold AS (
    SELECT
        date,
        bucket,
        principal(requester) AS principal,
        operation,
        http_status,
        error_code,
        storage_class,
        total(CASE WHEN is_request(operation) THEN n END) AS requests,
        total(n * is_billed(operation, http_status, error_code, requester)::INTEGER) AS billed,
        total(retrieved_bytes) AS retrieved_bytes
    FROM (
        SELECT
            date,
            bucket,
            requester,
            operation,
            http_status,
            error_code,
            storage_class,
            count(*) AS n,
            total(retrieved_bytes) AS retrieved_bytes
        FROM cold_reads
        GROUP BY date, bucket, requester, operation, http_status, error_code, storage_class
    )
    WHERE NOT paid_by_requester(bucket, http_status, requester)
    GROUP BY date, bucket, principal, operation, http_status, error_code, storage_class
),

by_class AS (
    SELECT * FROM summed
    UNION ALL BY NAME
    -- what the rows above have as requests for objects in Standard is taken out of that line of the price list, and put
    -- under another
    SELECT * EXCLUDE (storage_class, requests, billed, retrieved_bytes), 'get_and_others' AS price_class,
        -requests AS requests, -billed AS billed
    FROM cold
    UNION ALL BY NAME
    SELECT * EXCLUDE (storage_class), 'get_' || lower(storage_class) AS price_class
    FROM cold
),

costs AS (
    SELECT
        * EXCLUDE (retrieved_bytes),
        coalesce(retrieved_bytes, 0) AS retrieved_bytes,
        billed * request_price(price_class) AS request_cost,
        coalesce(byte_cost(egress_bytes, 'egress'), 0) AS egress_cost,
        coalesce(byte_cost(region_bytes, 'egress_regions'), 0) AS region_cost,
        coalesce(byte_cost(accelerated_bytes, 'acceleration'), 0) AS acceleration_cost,
        coalesce(byte_cost(retrieved_bytes, 'retrieval_' || substr(price_class, 5)), 0) AS retrieval_cost
    FROM by_class
)

SELECT *, request_cost + egress_cost + region_cost + acceleration_cost + retrieval_cost AS cost
FROM costs;
