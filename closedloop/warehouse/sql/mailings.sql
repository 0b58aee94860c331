-- Recipients and bounces of the mailings of a client ($1) that are named ($2), the latest first, as `campaigns` counts them; the
-- reactions, of which it counts far more, are left alone.
WITH {judged}
SELECT m.mailing_id, m.started_at,
    CAST(coalesce(sum(j.recipients), 0) AS BIGINT) AS recipients,
    CAST(coalesce(sum(j.recipients * (j.hard + j.soft * (1 - j.hard))), 0) AS BIGINT) AS bounced
FROM mailings m
LEFT JOIN judged j ON j.client = m.client AND j.mailing_id = m.mailing_id
WHERE m.client = $1 AND m.mailing_id IN (SELECT unnest($2))
GROUP BY m.mailing_id, m.started_at
ORDER BY m.started_at DESC, m.mailing_id
