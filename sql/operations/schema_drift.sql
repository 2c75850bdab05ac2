-- /// report
-- title = "Schema drift"
-- question = "How many fields do lines have, since when, and is there anything after those known today?"
-- chart = { kind = "bar", label = "field_count", value = "records" }
-- dashboard = { section = "Operations", position = 7 }
-- ///
SELECT
    bucket,
    field_count,
    extra_fields IS NOT NULL AS has_extra_fields,
    count(*) AS records,
    min(date) AS first_date,
    max(date) AS last_date,
    min(extra_fields) AS example
FROM access_log
GROUP BY bucket, field_count, has_extra_fields
ORDER BY bucket, first_date, field_count, has_extra_fields
