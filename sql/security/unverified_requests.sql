-- /// report
-- title = "Unverified requests"
-- question = "From where do requests come whose credentials are wrong or have expired, what are they for, and how does S3 answer?"
-- note = "Whose they are, nobody knows: the log has no requester. A presigned URL names the access key that it claims (access_key); other requests name theirs in a header, which the log does not have. InvalidAccessKeyId: there is no such key; SignatureDoesNotMatch: the secret is not that of the key; RequestTimeTooSkewed, ExpiredToken and AccessDenied of a URL: too late."
-- chart = { kind = "bar", label = "remote_ip", value = "requests" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many addresses, keys, operations and errors"
-- ///
SELECT
    remote_ip,
    nullif(regexp_extract(request_uri, '[?&](?:X-Amz-Credential|AWSAccessKeyId)=([^/%& ]+)', 1), '') AS access_key,
    bucket,
    operation,
    http_status,
    error_code,
    count(*) AS requests,
    count(DISTINCT key) AS keys,
    count(DISTINCT user_agent) AS user_agents,
    min(time) AS first_time,
    max(time) AS last_time
FROM requests
WHERE is_unverified(requester, authentication_type)
GROUP BY remote_ip, access_key, bucket, operation, http_status, error_code
ORDER BY requests DESC, remote_ip, access_key, bucket, operation, http_status, error_code
LIMIT $limit
