-- /// report
-- title = "Lines that needed care"
-- question = "How many lines were not regular, and in what way?"
-- chart = { kind = "bar", label = "parse_note", value = "records" }
-- ///
SELECT
    parse_note,
    count(*) AS records,
    count(DISTINCT bucket) AS buckets,
    min(time) AS first_time,
    max(time) AS last_time
FROM access_log
WHERE parse_note IS NOT NULL
GROUP BY parse_note
ORDER BY records DESC, parse_note
