-- Every recipient of a client (the parameter) that is written with more than plain ASCII, as the platform delivered it, and the
-- address that `suppressions` makes of it.
WITH spellings AS (
    SELECT l.client, r.recipient FROM raw_unsubscribes r JOIN loads l ON l.load_id = r.load_id
    WHERE strlen(r.recipient) <> length(r.recipient)
    UNION
    SELECT l.client, r.recipient FROM raw_responses r JOIN loads l ON l.load_id = r.load_id
    WHERE strlen(r.recipient) <> length(r.recipient)
    UNION
    SELECT l.client, r.recipient FROM raw_mailing_recipients r JOIN loads l ON l.load_id = r.load_id
    WHERE strlen(r.recipient) <> length(r.recipient)
)
SELECT recipient, address_of(recipient) AS address
FROM spellings
WHERE client = ?
