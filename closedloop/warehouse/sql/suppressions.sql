-- One row for each address that a client must not mail: it unsubscribed, or bounced too often.
--
-- `recipient` is the delivered text in small letters, without white space around it, in one Unicode form; ß
-- counts as ss, a final sigma as any. A mailing to a recipient bounces once, hard or soft (hard wins), whatever
-- number of responses says so. Somebody who unsubscribed is 'unsubscribed', bounces or not. `since` is the
-- unsubscribe, or the bounce that reached the limit.
--
-- Most addresses bounced too seldom. So whatever tells of a bounce is first counted by the hash of its address, which
-- can only be too much, and the mailings to those alone are looked at that come to a limit by that.
WITH left_by AS (
    SELECT client, address_of(recipient) AS address, unsubscribed_at
    FROM unsubscribes
    WHERE recipient IS NOT NULL
    UNION ALL
    -- An unsubscribe or a response need not name its recipient; the sending log does.
    SELECT u.client, n.address, u.unsubscribed_at
    FROM unsubscribes u
    JOIN noted n ON n.mailing_to_user_id = u.mailing_to_user_id
    JOIN loads l ON l.load_id = n.load_id AND l.client = u.client
    WHERE u.recipient IS NULL AND n.address IS NOT NULL
),
unsubscribed AS (
    SELECT client, address AS recipient, min(unsubscribed_at) AS since
    FROM left_by
    GROUP BY client, address
),
hard_ones AS (
    SELECT mailing_to_user_id
    FROM noted
    WHERE delivery_status = 'HARD' OR response_category = 'fatal_bounce'
    UNION
    SELECT mailing_to_user_id FROM raw_responses WHERE category = 'fatal_bounce'
),
often AS (
    -- A mailing that is hard by one word may bear the address of another, so each address it names counts it as hard.
    SELECT who
    FROM (
        SELECT hash(address) AS who, mailing_to_user_id,
            CASE WHEN delivery_status = 'HARD' OR response_category = 'fatal_bounce' THEN 1 ELSE 0 END AS hard
        FROM noted
        WHERE delivery_status IN ('HARD', 'SOFT')
            OR response_category IN ('fatal_bounce', 'bounce', 'temporary_bounce')
        UNION ALL
        SELECT hash(address_of(recipient)), mailing_to_user_id,
            CASE WHEN category = 'fatal_bounce' THEN 1 ELSE 0 END
        FROM raw_responses
        WHERE category IN ('fatal_bounce', 'bounce', 'temporary_bounce') AND recipient IS NOT NULL
        UNION ALL
        SELECT hash(n.address), r.mailing_to_user_id, CASE WHEN r.category = 'fatal_bounce' THEN 1 ELSE 0 END
        FROM raw_responses r
        JOIN noted n ON n.mailing_to_user_id = r.mailing_to_user_id
        WHERE r.category IN ('fatal_bounce', 'bounce', 'temporary_bounce') AND r.recipient IS NULL
    ) AS told
    GROUP BY who
    HAVING count(CASE WHEN hard = 1 OR mailing_to_user_id IN (SELECT mailing_to_user_id FROM hard_ones) THEN 1 END)
        >= (SELECT hard FROM bounce_limits)
        OR count(*) - sum(hard) >= (SELECT soft FROM bounce_limits)
),
suspects AS (
    SELECT who FROM often
    UNION
    SELECT hash(recipient) FROM unsubscribed
),
mailings_to_them AS (
    SELECT mailing_to_user_id
    FROM noted
    WHERE hash(address) IN (SELECT who FROM suspects)
    UNION
    SELECT mailing_to_user_id
    FROM raw_responses
    WHERE category IN ('fatal_bounce', 'bounce', 'temporary_bounce')
        AND hash(address_of(recipient)) IN (SELECT who FROM suspects)
),
told AS (
    -- What did not bounce by its own word may still name whom a response speaks of.
    SELECT l.client, n.mailing_to_user_id, n.address, CAST(NULL AS TIMESTAMP) AS responded_at, n.sent_at,
        CASE WHEN n.delivery_status = 'HARD' OR n.response_category = 'fatal_bounce' THEN 1 ELSE 0 END AS hard,
        n.delivery_status IN ('HARD', 'SOFT')
            OR n.response_category IN ('fatal_bounce', 'bounce', 'temporary_bounce') AS bounced
    FROM noted n
    JOIN loads l ON l.load_id = n.load_id
    WHERE n.mailing_to_user_id IN (SELECT mailing_to_user_id FROM mailings_to_them)
    UNION ALL
    -- A mailing bounces once, in however many files the response stands, so these are read as they were delivered.
    SELECT l.client, r.mailing_to_user_id, address_of(recipient), r.responded_at, NULL,
        CASE WHEN r.category = 'fatal_bounce' THEN 1 ELSE 0 END, true
    FROM raw_responses r
    JOIN loads l ON l.load_id = r.load_id
    WHERE r.category IN ('fatal_bounce', 'bounce', 'temporary_bounce')
        AND NOT EXISTS (SELECT 1 FROM superseded s WHERE s.load_id = r.load_id AND s.line = r.line)
        AND EXISTS (
            SELECT 1 FROM mailings_to_them t WHERE t.mailing_to_user_id IS NOT DISTINCT FROM r.mailing_to_user_id
        )
),
bounces AS (
    SELECT client, mailing_to_user_id, max(hard) AS hard,
        coalesce(max(CASE WHEN bounced THEN address END), max(address)) AS recipient,
        coalesce(min(responded_at), min(CASE WHEN bounced THEN sent_at END)) AS happened_at
    FROM told
    GROUP BY client, mailing_to_user_id
    HAVING bool_or(bounced)
),
numbered AS (
    SELECT client, recipient, hard, happened_at,
        row_number() OVER (
            PARTITION BY client, recipient, hard ORDER BY happened_at, mailing_to_user_id
        ) AS place
    FROM bounces
    WHERE recipient IS NOT NULL
),
bounced AS (
    SELECT n.client, n.recipient,
        count(CASE WHEN n.hard = 1 THEN 1 END) AS hard,
        count(CASE WHEN n.hard = 0 THEN 1 END) AS soft,
        max(CASE WHEN n.place >= CASE WHEN n.hard = 1 THEN b.hard ELSE b.soft END THEN 1 ELSE 0 END) AS too_often,
        min(CASE WHEN n.place = CASE WHEN n.hard = 1 THEN b.hard ELSE b.soft END THEN n.happened_at END) AS since
    FROM numbered n
    CROSS JOIN bounce_limits b
    GROUP BY n.client, n.recipient
)
SELECT
    coalesce(u.client, b.client) AS client,
    coalesce(u.recipient, b.recipient) AS recipient,
    CASE WHEN u.recipient IS NOT NULL THEN 'unsubscribed' ELSE 'bounced' END AS reason,
    CASE WHEN u.recipient IS NOT NULL THEN u.since ELSE b.since END AS since,
    coalesce(b.hard, 0) AS hard,
    coalesce(b.soft, 0) AS soft
FROM unsubscribed u
FULL JOIN bounced b ON b.client = u.client AND b.recipient = u.recipient
WHERE u.recipient IS NOT NULL OR b.too_often = 1
