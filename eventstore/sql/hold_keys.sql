-- Keeps new keys and says whether each subject has the key of this id.
-- Parameters: one array entry a key; epoch and fingerprint of what wraps the new ones.
SELECT hold_subject_keys_v1(
    %(subjects)s::text[],
    %(key_ids)s::uuid[],
    %(epoch)s::integer,
    %(fingerprint)s::bytea,
    %(wrapped_keys)s::bytea[]
)
