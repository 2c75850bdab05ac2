-- /// report
-- title = "Foreign accounts"
-- question = "Which AWS accounts use the buckets, and what do they read and change?"
-- note = "Those of the setting `accounts` are left out; without it, all are listed. An account is told by the ARN, or it is a canonical user id that is not the bucket owner's. reads (those of copies are among them), changes and bytes_sent are of what succeeded."
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many accounts and buckets"
-- ///
WITH used AS (
    SELECT
        requester,
        bucket,
        bucket_owner,
        count(*) FILTER (WHERE is_request(operation)) AS number,
        count(*) FILTER (WHERE succeeded(operation, http_status) AND is_read(operation)) AS reads,
        count(*) FILTER (WHERE succeeded(operation, http_status) AND is_change(operation)) AS changes,
        total(CASE WHEN succeeded(operation, http_status) THEN bytes_sent END) AS bytes_sent,
        min(time) AS first_time,
        max(time) AS last_time
    FROM access_log
    WHERE NOT is_nobody(requester) AND (is_request(operation) OR is_read(operation))
    GROUP BY requester, bucket, bucket_owner
)
SELECT
    coalesce(account_of(requester), requester) AS account,
    bucket,
    count(DISTINCT principal(requester)) AS principals,
    total(number) AS requests,
    total(used.reads) AS reads,
    total(used.changes) AS changes,
    total(used.bytes_sent) AS bytes_sent,
    min(used.first_time) AS first_time,
    max(used.last_time) AS last_time
FROM used
WHERE is_foreign(requester)
    OR (account_of(requester) IS NOT NULL AND NOT EXISTS (FROM own_accounts))
    OR (regexp_full_match(requester, '[0-9a-f]{64}') AND requester IS DISTINCT FROM bucket_owner)
GROUP BY account, bucket
ORDER BY requests DESC, account, bucket
LIMIT $limit
