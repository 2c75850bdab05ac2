-- /// report
-- title = "Readers below a prefix"
-- question = "Who read objects whose keys begin with a prefix, from which addresses, how many objects and bytes, and when first and last (UTC)?"
-- note = "Copies are readings: one in parts is one in an hour. No principal: no credentials, or wrong ones. A client that has the object already (304) reads it, too, with no bytes. Who was denied has no row: website/access_denied_by_key and security/access_denied_by_requester have that."
-- chart = { kind = "bar", label = "principal", value = "bytes" }
--
-- [params.prefix]
-- type = "string"
-- help = "the beginning of the keys, such as payroll/"
--
-- [params.limit]
-- type = "integer"
-- default = 1000
-- help = "how many readers"
-- ///
SELECT
    bucket,
    principal(requester) AS principal,
    remote_ip,
    count(DISTINCT key) AS objects,
    total(readings) AS readings,
    total(bytes) AS bytes,
    min(first_time) AS first_time,
    max(last_time) AS last_time
FROM (
    SELECT
        bucket,
        requester,
        remote_ip,
        key,
        count(*) AS readings,
        total(bytes) AS bytes,
        min(time) AS first_time,
        max(time) AS last_time
    FROM readings
    WHERE starts_with(key, $prefix)
    GROUP BY bucket, requester, remote_ip, key
)
GROUP BY bucket, principal, remote_ip
ORDER BY bytes DESC, objects DESC, bucket, principal, remote_ip
LIMIT $limit
