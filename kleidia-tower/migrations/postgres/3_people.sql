-- Profiles, one-time codes and factors; states of accounts; how sessions were authenticated; names that
-- change.

SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', TRUE);

-- Audit records name accounts as they were called then, so they are found by the ids. On a large log,
-- create these indexes before nodes are replaced: see docs/deployment.md and the previous migration.
DO $$
BEGIN
    IF to_regclass('audit_of_user_id') IS NULL THEN
        CREATE INDEX audit_of_user_id ON audit (user_id, sequence) WHERE user_id IS NOT NULL;
    END IF;
    IF to_regclass('audit_of_actor_id') IS NULL THEN
        CREATE INDEX audit_of_actor_id ON audit (actor_id, sequence) WHERE actor_id IS NOT NULL;
    END IF;
    IF EXISTS (
        SELECT FROM pg_index WHERE NOT indisvalid
            AND indexrelid IN ('audit_of_user_id'::regclass, 'audit_of_actor_id'::regclass)
    ) THEN
        RAISE EXCEPTION 'an index of audit is invalid: drop it and create it again';
    END IF;
END $$;

-- A reader such as pg_dump holds a lock for as long as it reads. Nodes would wait behind this one, so the
-- migration fails instead. Operations lock the tables in this order.
SET LOCAL lock_timeout = '3s';
LOCK TABLE accounts, sessions IN ACCESS EXCLUSIVE MODE;

ALTER TABLE accounts
    ADD COLUMN must_change_password BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN is_erased BOOLEAN NOT NULL DEFAULT FALSE;
-- Not valid: it is checked for what changes, without reading the table now.
ALTER TABLE accounts ADD CONSTRAINT erased_accounts_stay_disabled
    CHECK (is_disabled OR NOT is_erased) NOT VALID;

CREATE TRIGGER accounts_stay_erased BEFORE UPDATE OF is_erased ON accounts
FOR EACH ROW WHEN (OLD.is_erased AND NOT NEW.is_erased)
EXECUTE FUNCTION kleidia_reject('an erased account stays erased');

-- The names that accounts have or had, as digests: an erasure leaves no name.
CREATE TABLE account_names (
    name_digest BYTEA PRIMARY KEY CHECK (octet_length(name_digest) = 32),
    "user" BIGINT NOT NULL
);

INSERT INTO account_names SELECT name_digest, id FROM accounts;

CREATE TRIGGER account_names_are_not_changed BEFORE UPDATE OR DELETE ON account_names
FOR EACH ROW EXECUTE FUNCTION kleidia_reject('a name belongs to its first account');
CREATE TRIGGER account_names_are_not_truncated BEFORE TRUNCATE ON account_names
EXECUTE FUNCTION kleidia_reject('a name belongs to its first account');

DROP TRIGGER accounts_keep_their_names ON accounts;

CREATE TRIGGER accounts_keep_their_ids BEFORE UPDATE OF id ON accounts
FOR EACH ROW EXECUTE FUNCTION kleidia_reject('accounts keep their ids');

-- Takes a name for an account. If it belongs to another one, the row stays as it was: nodes of an earlier
-- version insert accounts, too. It is the owner who takes names, so those nodes need no privilege for it.
CREATE FUNCTION kleidia_take_name() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.name_digest <> sha256(convert_to(NEW.name, 'UTF8')) THEN
        RAISE EXCEPTION 'a name changes with its digest'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    INSERT INTO account_names VALUES (NEW.name_digest, NEW.id) ON CONFLICT DO NOTHING;
    IF EXISTS (SELECT FROM account_names WHERE name_digest = NEW.name_digest AND "user" = NEW.id) THEN
        RETURN NEW;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER accounts_take_free_names BEFORE INSERT OR UPDATE OF name, name_digest ON accounts
FOR EACH ROW EXECUTE FUNCTION kleidia_take_name();

-- The names of authentication methods (RFC 8176), separated by spaces.
ALTER TABLE sessions ADD COLUMN methods TEXT COLLATE "C" NOT NULL DEFAULT 'pwd';

-- An account without a row has an empty profile.
CREATE TABLE profiles (
    "user" BIGINT PRIMARY KEY REFERENCES accounts (id),
    display_name TEXT,
    email TEXT COLLATE "C",
    is_email_verified BOOLEAN NOT NULL,
    -- A JSON object.
    attributes TEXT NOT NULL CHECK (octet_length(attributes) <= 4096)
);

CREATE INDEX profiles_by_email ON profiles (email, "user") WHERE is_email_verified;

CREATE TABLE one_time_codes (
    digest BYTEA PRIMARY KEY CHECK (octet_length(digest) = 32),
    "user" BIGINT REFERENCES accounts (id),
    purpose TEXT COLLATE "C" NOT NULL,
    data TEXT NOT NULL CHECK (octet_length(data) <= 16384),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX one_time_codes_of_user ON one_time_codes ("user", purpose) WHERE "user" IS NOT NULL;
CREATE INDEX one_time_codes_expiry ON one_time_codes (expires_at);

CREATE TABLE factors (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "user" BIGINT NOT NULL REFERENCES accounts (id),
    kind TEXT COLLATE "C" NOT NULL,
    credential BYTEA UNIQUE CHECK (octet_length(credential) BETWEEN 1 AND 1023),
    label TEXT NOT NULL,
    data TEXT NOT NULL CHECK (octet_length(data) <= 16384),
    created_at BIGINT NOT NULL,
    last_used_at BIGINT
);

CREATE INDEX factors_of_user ON factors ("user");

UPDATE kleidia_schema SET version = 3, compatible_with = 2;
