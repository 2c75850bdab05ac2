-- What S3 charges for.

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
    OR (coalesce(error_code, '') = 'AccessDenied' AND is_nobody(requester))
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
