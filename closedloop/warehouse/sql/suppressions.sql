-- One row for each address that a client must not mail: it unsubscribed, or bounced too often.
--
-- `recipient` is the delivered text in small letters, without white space around it, in one Unicode form; ß
-- counts as ss, a final sigma as any. A mailing to a recipient bounces once, hard or soft (hard wins), whatever
-- number of responses says so. Somebody who unsubscribed is 'unsubscribed', bounces or not. `since` is the
-- unsubscribe, or the bounce that reached the limit.
WITH told AS (
    SELECT client, mailing_to_user_id, recipient,
        CASE WHEN category = 'fatal_bounce' THEN 1 ELSE 0 END AS hard,
        responded_at AS responded_at, NULL AS sent_at
    FROM responses
    WHERE category IN ('fatal_bounce', 'bounce', 'temporary_bounce')
    UNION ALL
    SELECT client, mailing_to_user_id, recipient,
        CASE WHEN delivery_status = 'HARD' OR response_category = 'fatal_bounce' THEN 1 ELSE 0 END,
        NULL, sent_at
    FROM mailing_recipients
    WHERE delivery_status IN ('HARD', 'SOFT')
        OR response_category IN ('fatal_bounce', 'bounce', 'temporary_bounce')
),
-- A response need not name its recipient; the sending log does.
events AS (
    SELECT t.client, t.mailing_to_user_id, max(t.hard) AS hard, 0 AS unsubscribed,
        coalesce(max(t.recipient), max(r.recipient)) AS recipient,
        coalesce(min(t.responded_at), min(t.sent_at)) AS happened_at
    FROM told t
    LEFT JOIN mailing_recipients r
        ON r.client = t.client AND r.mailing_to_user_id = t.mailing_to_user_id
        AND t.recipient IS NULL
    GROUP BY t.client, t.mailing_to_user_id
    UNION ALL
    SELECT u.client, u.mailing_to_user_id, 0, 1,
        coalesce(u.recipient, r.recipient), u.unsubscribed_at
    FROM unsubscribes u
    LEFT JOIN mailing_recipients r
        ON r.client = u.client AND r.mailing_to_user_id = u.mailing_to_user_id
        AND u.recipient IS NULL
),
-- The same expression as in spellings.sql. Another database calls it normalize(..., NFC). Of plain ASCII without white
-- space around it, the small letters say it all, many times as fast.
spelled AS (
    SELECT client, mailing_to_user_id, hard, unsubscribed, happened_at,
        CASE WHEN strlen(recipient) = length(recipient) AND recipient >= '!' AND recipient[-1] >= '!'
            THEN lower(recipient)
            ELSE replace(replace(lower(nfc_normalize(
                regexp_replace(recipient, '^[\s\v\x{85}\p{Z}]+|[\s\v\x{85}\p{Z}]+$', '', 'g')
            )), 'ß', 'ss'), 'ς', 'σ')
        END AS recipient
    FROM events
    WHERE recipient IS NOT NULL
),
folded AS (
    SELECT * FROM spelled
),
numbered AS (
    SELECT client, recipient, hard, happened_at,
        row_number() OVER (
            PARTITION BY client, recipient, hard ORDER BY happened_at, mailing_to_user_id
        ) AS place
    FROM folded
    WHERE unsubscribed = 0
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
),
unsubscribed AS (
    SELECT client, recipient, min(happened_at) AS since
    FROM folded
    WHERE unsubscribed = 1
    GROUP BY client, recipient
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
