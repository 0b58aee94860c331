CASE
    -- Of plain ASCII without white space around it, the small letters say it all, many times as fast.
    WHEN strlen(recipient) = length(recipient) AND recipient >= '!' AND recipient[-1] >= '!' THEN lower(recipient)
    -- Another database calls it normalize(..., NFC).
    ELSE replace(replace(lower(nfc_normalize(
        regexp_replace(recipient, '^[\s\v\x{85}\p{Z}]+|[\s\v\x{85}\p{Z}]+$', '', 'g')
    )), 'ß', 'ss'), 'ς', 'σ')
END
