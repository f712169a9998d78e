-- Counts the keys that each epoch of the key ring wraps; epochs never used are missing.
SELECT
    e.epoch,
    e.fingerprint,
    e.retired_at,
    count(k.subject) AS keys
FROM vault.master_epoch AS e
LEFT JOIN vault.subject_key AS k ON e.epoch = k.epoch
GROUP BY e.epoch
ORDER BY e.epoch
