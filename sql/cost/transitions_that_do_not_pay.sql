-- /// report
-- title = "Transitions that do not pay"
-- question = "Which transitions by lifecycle rules never pay, or pay late: what did they cost, what do they save each month, and after how many days is that even? By folder, and apart for objects below 128 KB."
-- note = "No days_to_break_even: what is saved is nothing, or less. A lower bound of the days: as if objects stayed for good, were in Standard where no earlier transition is known, and nobody read them; reads cost more in colder classes, and so does it to delete early. Standard-IA, One Zone-IA and Glacier Instant Retrieval bill objects below 128 KB as if they had them; the archives bill 40 KB more of each. What Intelligent-Tiering saves depends on who reads, so only its small objects are here, which it never moves. below_128_kb is empty where the size is not known."
-- chart = { kind = "bar", label = "prefix", value = "transition_cost" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many folders and classes, those that never pay first"
-- ///
WITH moved AS (
    SELECT
        bucket,
        folder_of(key, '') AS prefix,
        coalesce(previous_class, 'STANDARD') AS from_class,
        storage_class,
        is_small(object_size) AS below_128_kb,
        count(*) AS transitions,
        total(object_size) AS bytes,
        sum(billed_size(coalesce(previous_class, 'STANDARD'), object_size)) AS billed_before,
        sum(billed_size(storage_class, object_size)) AS billed_after
    FROM stays
    WHERE is_transition AND (storage_class <> 'INTELLIGENT_TIERING' OR is_small(object_size))
    GROUP BY ALL
),
costs AS (
    SELECT
        *,
        transitions * request_price('transition_' || lower(storage_class)) AS cost,
        monthly_storage_cost(from_class, billed_before, transitions)
        - monthly_storage_cost(storage_class, billed_after, transitions) AS saving
    FROM moved
)
SELECT
    bucket,
    prefix,
    from_class,
    storage_class,
    below_128_kb,
    transitions,
    bytes,
    round(cost, 6) AS transition_cost,
    round(saving, 9) AS monthly_saving,
    CASE WHEN saving > 0 THEN round(30 * cost / saving, 1) END AS days_to_break_even
FROM costs
ORDER BY
    saving IS NULL,
    days_to_break_even DESC NULLS FIRST,
    transition_cost DESC,
    bucket,
    prefix,
    from_class,
    storage_class,
    below_128_kb
LIMIT $limit
