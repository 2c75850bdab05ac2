-- The actions of a bucket's lifecycle rules beside the events that fit them: for `accesslake lifecycle-rules`, which binds
-- $actions (JSON), $first and $last (the days of the period).
WITH actions AS (
    SELECT unnest(from_json(
        $actions,
        '[{"position": "INTEGER", "rule": "VARCHAR", "enabled": "BOOLEAN", "action": "VARCHAR", "filter": "VARCHAR",
           "kinds": ["VARCHAR"], "prefix": "VARCHAR", "larger_than": "BIGINT", "smaller_than": "BIGINT",
           "days": "INTEGER", "date": "DATE", "moves": "BOOLEAN", "mistake": "VARCHAR"}]'
    ), recursive := true)
),
kinds AS (
    SELECT * EXCLUDE (kinds), unnest(kinds) AS kind
    FROM actions
),
-- An event is known by what it removed: rules for objects, for old versions and for delete markers share an operation.
logged AS (
    SELECT
        *,
        coalesce(removed(operation, version_id, object_size), operation) AS kind,
        row_number() OVER () AS event
    FROM lifecycle_events
),
events AS (
    SELECT
        position,
        enabled,
        log.time,
        log.date,
        log.key,
        log.object_size,
        log.date BETWEEN $first::DATE AND $last::DATE AS in_period,
        count(*) FILTER (WHERE enabled) OVER (PARTITION BY log.event) AS fitting
    FROM logged AS log
    JOIN kinds ON log.kind = kinds.kind AND starts_with(log.key, kinds.prefix)
    WHERE coalesce(object_size > larger_than, true) AND coalesce(object_size < smaller_than, true)
),
counted AS (
    SELECT
        position,
        count(*) FILTER (WHERE in_period) AS events,
        count(*) FILTER (WHERE in_period AND fitting > enabled::INTEGER) AS shared,
        count(DISTINCT key) FILTER (WHERE in_period) AS keys,
        total(CASE WHEN in_period THEN object_size END) AS bytes,
        max(time) AS last_event
    FROM events
    GROUP BY position
),
runs AS (
    SELECT position, date, date - lag(date) OVER (PARTITION BY position ORDER BY date) AS pause
    FROM (SELECT DISTINCT position, date FROM events)
),
habits AS (
    SELECT position, count(*) AS runs, quantile_disc(pause, 0.5) AS usual_pause
    FROM runs
    GROUP BY position
),
known AS (
    SELECT key, min(date) AS first_day, max(object_size) AS size
    FROM access_log
    WHERE key IS NOT NULL
    GROUP BY key
),
prefixes AS (
    SELECT
        prefix,
        min(first_day) FILTER (WHERE starts_with(key, prefix)) AS first_day,
        max(size) FILTER (WHERE starts_with(key, prefix)) AS largest,
        min(left(key, length(prefix))) AS other_case
    FROM (SELECT DISTINCT prefix FROM actions)
    LEFT JOIN known ON starts_with(lower(key), lower(prefix))
    GROUP BY prefix
),
covered AS (
    SELECT least($last::DATE, newest_day()) AS last_day
),
judged AS (
    SELECT
        *,
        first_day IS NOT NULL AS is_known,
        runs >= 3 AND last_day - last_event::DATE > greatest(2, 2 * usual_pause) AS is_stopped,
        -- S3 rounds up to the next midnight, so what was written on a day is due a day later than the rule says.
        coalesce(date > last_day, last_day - first_day <= days, false) AS is_early,
        -- S3 moves no objects below 128 KB, unless a rule has a size of its own, or the bucket another default.
        moves AND largest < coalesce(larger_than + 1, 131072) AS is_too_small
    FROM actions
    JOIN prefixes USING (prefix)
    CROSS JOIN covered
    LEFT JOIN counted USING (position)
    LEFT JOIN habits USING (position)
)
SELECT
    rule,
    action,
    filter,
    coalesce(events, 0) AS events,
    coalesce(shared, 0) AS events_of_other_rules_too,
    coalesce(keys, 0) AS keys,
    coalesce(bytes, 0) AS bytes,
    last_event,
    CASE WHEN enabled THEN '' ELSE 'disabled, ' END || CASE
        WHEN events > 0 AND is_stopped THEN 'stopped after ' || last_event::DATE
        WHEN events > shared THEN 'active'
        WHEN events > 0 THEN 'active, or another rule is'
        WHEN last_event IS NOT NULL THEN 'silent since ' || last_event::DATE
        WHEN NOT is_known THEN 'no match ever, and no record of a key with this prefix'
        WHEN is_early AND NOT coalesce(is_too_small, false) THEN 'not due yet'
        ELSE 'no match ever'
    END AS verdict,
    CASE
        WHEN last_event IS NOT NULL THEN NULL
        WHEN NOT is_known THEN coalesce(mistake, 'there are keys with ' || other_case || ', and case matters')
        WHEN is_too_small THEN 'the largest object known with this prefix has ' || largest || ' bytes, too few to be moved'
        WHEN date > last_day THEN 'its date is after the last record'
        WHEN is_early THEN 'the first record of such a key is of ' || first_day
    END AS reason
FROM judged
ORDER BY position
