-- How the recipients of each mailing fared, so many of a kind: parts of a WITH, for queries that go on from `judged`.
--
-- The sending log is by far the largest, so what it says is counted when it is loaded, and those rows are `noted` that
-- may tell more: recipients of whom a response says more are counted otherwise here.
said AS (
    SELECT client, mailing_id, mailing_to_user_id,
        max(CASE WHEN category = 'fatal_bounce' THEN 1 ELSE 0 END) AS hard,
        max(CASE WHEN category IN ('bounce', 'temporary_bounce') THEN 1 ELSE 0 END) AS soft
    FROM responses
    WHERE category IN ('fatal_bounce', 'bounce', 'temporary_bounce')
    GROUP BY client, mailing_id, mailing_to_user_id
),
answered AS (
    SELECT s.client, r.mailing_id, r.sending_status, r.delivery_status, r.response_category, s.hard, s.soft,
        count(*) AS recipients
    FROM noted r
    JOIN loads l ON l.load_id = r.load_id
    JOIN said s ON s.client = l.client AND s.mailing_id = r.mailing_id AND s.mailing_to_user_id = r.mailing_to_user_id
    GROUP BY s.client, r.mailing_id, r.sending_status, r.delivery_status, r.response_category, s.hard, s.soft
),
log AS (
    SELECT l.client, c.mailing_id, c.sending_status, c.delivery_status, c.response_category,
        0 AS said_hard, 0 AS said_soft, c.recipients
    FROM sending_log_counts c
    JOIN loads l ON l.load_id = c.load_id
    UNION ALL
    SELECT client, mailing_id, sending_status, delivery_status, response_category, 0, 0, -recipients FROM answered
    UNION ALL
    SELECT client, mailing_id, sending_status, delivery_status, response_category, hard, soft, recipients FROM answered
),
judged AS (
    SELECT client, mailing_id, recipients,
        CASE WHEN sending_status = 'sent' THEN 1 ELSE 0 END AS sent,
        CASE WHEN delivery_status = 'HARD' OR response_category = 'fatal_bounce' OR said_hard = 1 THEN 1 ELSE 0 END AS hard,
        CASE WHEN delivery_status = 'SOFT' OR response_category IN ('bounce', 'temporary_bounce') OR said_soft = 1
            THEN 1 ELSE 0 END AS soft
    FROM log
)
