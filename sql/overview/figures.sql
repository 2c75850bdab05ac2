-- /// report
-- title = "Figures"
-- question = "What happened in the period, in one row? Errors are 4xx and 5xx; visitors are addresses with a user agent, without credentials; the lag is the 95th percentile in minutes; rejects are of all buckets."
-- ///
WITH visitors AS (
    SELECT DISTINCT remote_ip, user_agent, is_known(remote_ip, requester, user_agent) AS is_known
    FROM visits
),
expired AS (
    SELECT DISTINCT bucket, key
    FROM lifecycle_events
    WHERE is_expiry(operation)
),
delivered AS (
    SELECT date_diff('minute', time, last_modified) AS minutes
    FROM access_log
    JOIN ledger USING (log_object)
)
SELECT
    count(*) FILTER (WHERE is_request(operation)) AS requests,
    count(*) FILTER (WHERE http_status BETWEEN 400 AND 499) AS client_errors,
    count(*) FILTER (WHERE http_status >= 500) AS server_errors,
    percentage(count(*) FILTER (WHERE http_status >= 400), count(*) FILTER (WHERE is_request(operation))) AS error_percent,
    count(*) FILTER (WHERE http_status = 403) AS denied,
    total(bytes_sent) AS bytes_sent,
    (SELECT number_of_known(count(*) FILTER (WHERE is_known), count(*)) FROM visitors) AS visitors,
    count(DISTINCT requester) FILTER (WHERE is_request(operation) AND NOT is_anonymous(operation, requester, authentication_type)) AS requesters,
    count(*) FILTER (WHERE is_anonymous(operation, requester, authentication_type)) AS anonymous,
    (SELECT count(*) FROM expired) AS expired,
    count(*) FILTER (WHERE is_delete(operation) AND succeeded(operation, http_status)) AS deleted,
    (SELECT count(*) FROM rejects) AS rejects,
    (SELECT quantile_disc(minutes, 0.95) FROM delivered) AS lag_minutes
FROM access_log
HAVING count(*) > 0
