-- /// report
-- title = "Figures"
-- question = "What happened in the period, in one row?"
-- note = "client_errors and server_errors are requests that failed (4xx, 5xx), and error_percent is of all requests; denied are those that somebody may not send (403). Visitors are addresses with a user agent, without credentials, that got an object; NULL where nobody is known. expired and deleted count objects: expired those that lifecycle rules removed, or put a delete marker on; expired_versions are old versions that they removed; deleted counts all that was deleted on request. cost is the estimate of cost/by_day. The lag is the 95th percentile in minutes, NULL where nothing tells when log objects were delivered; rejects are of all buckets."
-- ///
WITH visitors AS (
    SELECT DISTINCT remote_ip, user_agent, is_known(remote_ip, requester, user_agent) AS is_known
    FROM visits
),
requesters AS (
    SELECT DISTINCT requester
    FROM requests
),
expired AS (
    SELECT DISTINCT bucket, key
    FROM lifecycle_events
    WHERE is_object_expiry(operation, version_id)
),
expired_versions AS (
    SELECT count(*) AS n
    FROM lifecycle_events
    WHERE removed(operation, version_id, object_size) = 'old version'
),
deleted AS (  -- without a size nothing was there, or a delete marker was set or removed
    SELECT DISTINCT bucket, key
    FROM access_log
    WHERE is_delete(operation) AND succeeded(operation, http_status) AND object_size IS NOT NULL
),
delivered AS (
    SELECT date_diff('minute', time, delivered_at) AS minutes
    FROM access_log
    JOIN ledger USING (log_object)
    WHERE delivered_at >= time
),
of_requests AS (
    SELECT
        count(*) AS requests,
        count(*) FILTER (WHERE http_status < 500 AND failed(operation, http_status, error_code)) AS client_errors,
        count(*) FILTER (WHERE http_status >= 500) AS server_errors,
        count(*) FILTER (WHERE denied(http_status, error_code)) AS denied,
        total(bytes_sent) AS bytes_sent,
        count(*) FILTER (WHERE is_anonymous(operation, requester, authentication_type)) AS anonymous
    FROM requests
)
SELECT
    requests,
    client_errors,
    server_errors,
    percentage(client_errors + server_errors, requests) AS error_percent,
    denied,
    bytes_sent,
    (SELECT number_of_known(count(*) FILTER (WHERE is_known), count(*)) FROM visitors) AS visitors,
    (SELECT count(DISTINCT principal(requester)) FROM requesters) AS principals,
    anonymous,
    (SELECT count(*) FROM expired) AS expired,
    (SELECT n FROM expired_versions) AS expired_versions,
    (SELECT count(*) FROM deleted) AS deleted,
    (SELECT round(sum(cost), 6) FROM request_costs) AS cost,
    (SELECT count(*) FROM rejects) AS rejects,
    (SELECT quantile_disc(minutes, 0.95) FROM delivered) AS lag_minutes
FROM of_requests
WHERE EXISTS (FROM access_log)
