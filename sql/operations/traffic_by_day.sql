-- /// report
-- title = "Traffic by day"
-- question = "How many requests came to each bucket on each day (UTC), and how many bytes were sent?"
-- note = "With hours, days are compared with one that is not over: of each only its first hours count."
--
-- [params.hours]
-- type = "integer"
-- default = 24
-- help = "how many hours of each day, from midnight"
-- ///
SELECT
    date,
    bucket,
    count(*) AS requests,
    total(bytes_sent) AS bytes_sent
FROM requests
WHERE hour(time) < $hours
GROUP BY date, bucket
ORDER BY date, bucket
