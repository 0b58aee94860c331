-- Who a client (the parameter) must not mail: every spelling the platform delivered, and why.
WITH asked AS (
    SELECT client, recipient, reason FROM suppressions WHERE client = ?
),
spellings AS (
    SELECT l.client, r.recipient FROM raw_unsubscribes r JOIN loads l ON l.load_id = r.load_id
    UNION
    SELECT l.client, r.recipient FROM raw_responses r JOIN loads l ON l.load_id = r.load_id
    UNION
    SELECT l.client, r.recipient FROM raw_mailing_recipients r JOIN loads l ON l.load_id = r.load_id
),
-- The same expression as in suppressions.sql.
folded AS (
    SELECT client, recipient,
        replace(replace(lower(nfc_normalize(
            regexp_replace(recipient, '^[\s\v\x{85}\p{Z}]+|[\s\v\x{85}\p{Z}]+$', '', 'g')
        )), 'ß', 'ss'), 'ς', 'σ') AS address
    FROM spellings
)
SELECT DISTINCT s.recipient, a.reason
FROM asked a
JOIN folded s ON s.client = a.client AND s.address = a.recipient
