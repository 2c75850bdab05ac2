-- /// report
-- title = "Lines of the bill"
-- question = "What should AWS's Cost and Usage Report say of requests and data transfer, by month and usage type? An estimate, as if all objects were in the class Standard that lifecycle rules are not seen to move."
-- note = "Usage types are without the prefix of the Region. In a month that the records cover from its first day to its last (is_whole), the free 100 GB and the steps of the price are taken into account, as if nothing else sent data from the account; else all egress has the price of the first step, and the cost is an upper bound. Restores are of the tier Standard (Requests-Tier3); Bulk ones are in Requests-Tier5 of the bill, and Expedited ones in Requests-Tier6. What is not known to have gone elsewhere is DataTransfer-Out-Bytes."
-- chart = { kind = "bar", label = "usage_type", value = "cost" }
-- ///
WITH costs AS MATERIALIZED (  -- it is read twice
    SELECT date, price_class, transfer, is_accelerated, billed, charged_bytes, uploaded_bytes,
        retrieved_bytes, request_cost, retrieval_cost
    FROM request_costs
),

costs_of_requests AS (
    SELECT
        date_trunc('month', date)::DATE AS month,
        CASE
            WHEN price_class = 'put_copy_post_list' THEN 'Requests-Tier1'
            WHEN price_class = 'get_and_others' THEN 'Requests-Tier2'
            WHEN starts_with(price_class, 'get_') THEN 'Requests-' || short_class(price_class) || '-Tier2'
            WHEN price_class IN ('transition_glacier', 'transition_deep_archive', 'restore') THEN 'Requests-Tier3'
            ELSE 'Requests-Tier4'
        END AS usage_type,
        total(billed) AS requests,
        NULL::BIGINT AS bytes,
        sum(request_cost) AS cost
    FROM costs
    WHERE price_class <> 'free'
    GROUP BY month, usage_type
),

sent AS (
    SELECT
        date_trunc('month', date)::DATE AS month,
        CASE transfer
            WHEN 'internet' THEN 'DataTransfer'
            WHEN 'other_region' THEN 'AWS'
            WHEN 'cloudfront' THEN 'CloudFront'
            ELSE 'C3DataTransfer'
        END AS kind,
        total(charged_bytes) AS bytes_out,
        total(uploaded_bytes) AS bytes_in,
        total(charged_bytes * is_accelerated::INTEGER) AS accelerated_out,
        total(uploaded_bytes * is_accelerated::INTEGER) AS accelerated_in
    FROM costs
    GROUP BY month, kind
),

usage_of_bytes AS (
    SELECT month, kind || '-Out-Bytes' AS usage_type, bytes_out AS bytes FROM sent
    UNION ALL
    SELECT month, kind || '-In-Bytes' AS usage_type, bytes_in AS bytes FROM sent
    UNION ALL
    SELECT month, 'AWS-Out-ABytes' AS usage_type, accelerated_out AS bytes FROM sent
    UNION ALL
    SELECT month, 'AWS-In-ABytes' AS usage_type, accelerated_in AS bytes FROM sent
),

retrieved AS (
    SELECT
        date_trunc('month', date)::DATE AS month,
        'Retrieval-' || short_class(price_class) AS usage_type,
        NULL::BIGINT AS requests,
        total(retrieved_bytes) AS bytes,
        sum(retrieval_cost) AS cost
    FROM costs
    WHERE retrieved_bytes > 0
    GROUP BY month, usage_type
),

months AS (
    SELECT month, min(date) = month AND max(date) = last_day(month) AS is_whole
    FROM (SELECT DISTINCT date, date_trunc('month', date)::DATE AS month FROM costs)
    GROUP BY month
),

costs_of_bytes AS (
    SELECT
        month,
        usage_type,
        NULL::BIGINT AS requests,
        total(bytes) AS bytes,
        CASE
            WHEN usage_type = 'DataTransfer-Out-Bytes' AND any_value(is_whole) THEN month_of_egress(total(bytes))
            WHEN usage_type = 'DataTransfer-Out-Bytes' THEN byte_cost(total(bytes), 'egress')
            WHEN usage_type = 'AWS-Out-Bytes' THEN byte_cost(total(bytes), 'egress_regions')
            WHEN usage_type LIKE '%-ABytes' THEN byte_cost(total(bytes), 'acceleration')
            ELSE 0
        END AS cost
    FROM usage_of_bytes
    JOIN months USING (month)
    GROUP BY month, usage_type
    HAVING total(bytes) > 0
)

SELECT
    month,
    is_whole,
    usage_type,
    requests,
    bytes,
    round(gigabytes(bytes), 3) AS gigabytes,
    round(cost, 6) AS cost
FROM (SELECT * FROM costs_of_requests UNION ALL SELECT * FROM costs_of_bytes UNION ALL SELECT * FROM retrieved)
JOIN months USING (month)
WHERE coalesce(requests, bytes) > 0
ORDER BY month, usage_type
