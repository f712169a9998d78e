-- The keys under which personal data is sealed (ADR-0009): one for each person, wrapped
-- by a master key that is not in this database.  A schema of its own, so that ordinary
-- dumps leave it out.  The application reads it and writes through the functions below.
CREATE SCHEMA vault;

-- What tells a master key from another; the key itself lies in the key-ring file.
CREATE TABLE vault.master_epoch (
    epoch integer PRIMARY KEY CHECK (epoch > 0),
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    first_used_at timestamptz NOT NULL,
    retired_at timestamptz
);

CREATE TABLE vault.subject_key (
    subject text PRIMARY KEY,
    key_id uuid NOT NULL,
    epoch integer,
    wrapped_key bytea,
    created_at timestamptz NOT NULL,
    destroyed_at timestamptz,
    CONSTRAINT subject_key_is_there_or_destroyed CHECK (
        CASE
            WHEN wrapped_key IS NULL THEN epoch IS NULL AND destroyed_at IS NOT NULL
            ELSE epoch IS NOT NULL AND destroyed_at IS NULL
                AND octet_length(wrapped_key) = 60
        END
    )
);

-- Destroyed is destroyed: for every role, replication included.
CREATE FUNCTION refuse_key_change_v1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.destroyed_at IS NULL AND (NEW.subject, NEW.key_id) = (OLD.subject, OLD.key_id)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a key is rewrapped or destroyed, nothing else: % refused', tg_op
        USING ERRCODE = 'AN005';
END;
$$;

CREATE TRIGGER subject_key_stays_destroyed
BEFORE UPDATE ON vault.subject_key
FOR EACH ROW EXECUTE FUNCTION refuse_key_change_v1();

CREATE TRIGGER subject_key_is_never_deleted
BEFORE DELETE OR TRUNCATE ON vault.subject_key
FOR EACH STATEMENT EXECUTE FUNCTION refuse_key_change_v1();

ALTER TABLE vault.subject_key ENABLE ALWAYS TRIGGER subject_key_stays_destroyed;
ALTER TABLE vault.subject_key ENABLE ALWAYS TRIGGER subject_key_is_never_deleted;

-- Notes what the master key of an epoch is, unless that is known.  In a transaction of
-- its own: whoever appends must not wait for another one's first use of an epoch.
CREATE FUNCTION register_epoch_v1(_epoch integer, _fingerprint bytea) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO vault.master_epoch (epoch, fingerprint, first_used_at)
    VALUES (_epoch, _fingerprint, clock_timestamp())
    ON CONFLICT (epoch) DO NOTHING
$$;

-- Raises AN004 unless the epoch is registered with this fingerprint, and not retired.
CREATE FUNCTION use_epoch_v1(_epoch integer, _fingerprint bytea) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM vault.master_epoch AS e
        WHERE e.epoch = _epoch AND e.fingerprint = _fingerprint
            AND e.retired_at IS NULL
    ) THEN
        RAISE EXCEPTION 'epoch % of the key ring is retired, or has another key', _epoch
            USING ERRCODE = 'AN004';
    END IF;
END;
$$;

-- Destroys a subject's key, or leaves word that it shall never have one.
CREATE FUNCTION destroy_subject_key_v1(_subject text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO vault.subject_key AS k (subject, key_id, created_at, destroyed_at)
    VALUES (_subject, gen_random_uuid(), clock_timestamp(), clock_timestamp())
    ON CONFLICT (subject) DO UPDATE
    SET wrapped_key = NULL, epoch = NULL, destroyed_at = clock_timestamp()
    WHERE k.destroyed_at IS NULL;
END;
$$;

-- Wraps keys anew under another epoch; those that left _old_epoch meanwhile stay.
CREATE FUNCTION rewrap_subject_keys_v1(
    _old_epoch integer,
    _epoch integer,
    _fingerprint bytea,
    _subjects text[],
    _wrapped_keys bytea[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    _count bigint;
BEGIN
    PERFORM use_epoch_v1(_epoch, _fingerprint);
    -- In one order, as whoever destroys several: nobody is deadlocked.
    PERFORM FROM vault.subject_key AS k
    WHERE k.subject = ANY(_subjects) ORDER BY k.subject FOR UPDATE;
    UPDATE vault.subject_key AS k
    SET epoch = _epoch, wrapped_key = n.wrapped_key
    FROM unnest(_subjects, _wrapped_keys) AS n (subject, wrapped_key)
    WHERE k.subject = n.subject AND k.epoch = _old_epoch;
    GET DIAGNOSTICS _count = ROW_COUNT;
    RETURN _count;
END;
$$;

-- Retires an epoch that wraps no key any more; raises AN004 while it does.
CREATE FUNCTION retire_epoch_v1(_epoch integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- Whoever is keeping a key now is waited for, and later ones see the retirement.
    LOCK TABLE vault.subject_key IN SHARE MODE;
    IF EXISTS (SELECT FROM vault.subject_key AS k WHERE k.epoch = _epoch) THEN
        RAISE EXCEPTION 'epoch % still wraps keys', _epoch USING ERRCODE = 'AN004';
    END IF;
    UPDATE vault.master_epoch AS e SET retired_at = clock_timestamp()
    WHERE e.epoch = _epoch AND e.retired_at IS NULL;
END;
$$;

DO $$
DECLARE
    _function text;
BEGIN
    FOREACH _function IN ARRAY ARRAY[
        'register_epoch_v1', 'use_epoch_v1', 'destroy_subject_key_v1',
        'rewrap_subject_keys_v1', 'retire_epoch_v1'
    ] LOOP
        EXECUTE format(
            'ALTER FUNCTION %I SECURITY DEFINER'
            ' SET search_path = pg_catalog, %I, pg_temp',
            _function, current_schema()
        );
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %I FROM public', _function);
    END LOOP;
END;
$$;
