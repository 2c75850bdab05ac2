-- /// report
-- title = "Access points"
-- question = "Through which access points do requests come, and how many come without one?"
-- chart = { kind = "bar", label = "access_point", value = "requests" }
-- ///
WITH used AS (
    SELECT
        bucket,
        access_point_arn,
        requester,
        count(*) AS number,
        count(*) FILTER (WHERE failed(operation, http_status, error_code)) AS failed,
        total(bytes_sent) AS bytes_sent,
        max(time) AS last_time
    FROM requests
    GROUP BY bucket, access_point_arn, requester
)
SELECT
    bucket,
    CASE
        WHEN access_point_arn IS NULL THEN 'none'
        WHEN access_point_arn LIKE '%.mrap' THEN 'multi-Region'
        WHEN access_point_arn LIKE 'arn:%:s3-object-lambda:%' THEN 'Object Lambda'
        ELSE 'regional'
    END AS kind,
    access_point_arn AS access_point,
    total(number) AS requests,
    total(used.failed) AS failed,
    count(DISTINCT principal(requester)) AS principals,
    total(used.bytes_sent) AS bytes_sent,
    max(used.last_time) AS last_time
FROM used
GROUP BY bucket, access_point_arn
ORDER BY requests DESC, bucket, access_point
