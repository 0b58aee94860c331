-- Whom a mailing bounced softly, and nobody whom one of some mailings (its resends) reached or bounced for good.
--
-- Parameters: client, the mailings, the first of them. A report of a soft bounce and a later version of
-- the sending log that says OK mean: delivered at last.
WITH log AS (
    SELECT mailing_id, mailing_to_user_id, recipient, delivery_status, response_category
    FROM mailing_recipients
    WHERE client = ? AND list_contains(?, mailing_id)
),
said AS (
    SELECT r.mailing_to_user_id,
        max(CASE WHEN r.category = 'fatal_bounce' THEN 1 ELSE 0 END) AS hard,
        max(CASE WHEN r.category IN ('bounce', 'temporary_bounce') THEN 1 ELSE 0 END) AS soft
    FROM responses r
    JOIN log ON log.mailing_to_user_id = r.mailing_to_user_id AND log.mailing_id = r.mailing_id
    GROUP BY r.mailing_to_user_id
),
bounced_before AS (
    SELECT DISTINCT r.mailing_to_user_id
    FROM raw_mailing_recipients r
    JOIN log ON log.mailing_to_user_id = r.mailing_to_user_id AND log.mailing_id = r.mailing_id
    WHERE r.delivery_status = 'SOFT'
),
judged AS (
    SELECT log.mailing_id, log.recipient,
        CASE
            WHEN log.delivery_status = 'HARD' OR log.response_category = 'fatal_bounce' OR said.hard = 1
                THEN 'hard'
            WHEN log.delivery_status = 'OK' AND b.mailing_to_user_id IS NOT NULL THEN 'reached'
            WHEN log.delivery_status = 'SOFT' OR said.soft = 1
                OR log.response_category IN ('bounce', 'temporary_bounce') THEN 'soft'
            ELSE 'reached'
        END AS outcome
    FROM log
    LEFT JOIN said ON said.mailing_to_user_id = log.mailing_to_user_id
    LEFT JOIN bounced_before b ON b.mailing_to_user_id = log.mailing_to_user_id
    WHERE log.recipient IS NOT NULL
)
SELECT min(recipient) AS recipient
FROM judged
GROUP BY lower(trim(recipient))
HAVING min(CASE WHEN outcome = 'soft' THEN 1 ELSE 0 END) = 1
    AND max(CASE WHEN mailing_id = ? THEN 1 ELSE 0 END) = 1
ORDER BY 1
