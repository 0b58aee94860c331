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
)
SELECT DISTINCT s.recipient, a.reason
FROM asked a
JOIN spellings s ON s.client = a.client AND lower(trim(s.recipient)) = a.recipient
