-- Profiles, one-time codes and factors; states of accounts; the names that accounts took.

SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', TRUE);

-- A reader such as pg_dump holds a lock for as long as it reads. Nodes would wait behind this one, so the
-- migration fails instead. Each migration locks one table that nodes use, so it never waits for another
-- while nodes wait for it.
SET LOCAL lock_timeout = '3s';

ALTER TABLE accounts
    ADD COLUMN must_change_password BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN is_erased BOOLEAN NOT NULL DEFAULT FALSE;
-- Not valid: it is checked for what changes, without reading the table now.
ALTER TABLE accounts ADD CONSTRAINT erased_accounts_stay_disabled
    CHECK (is_disabled OR NOT is_erased) NOT VALID;

CREATE TRIGGER accounts_stay_erased BEFORE UPDATE OF is_erased ON accounts
FOR EACH ROW WHEN (OLD.is_erased AND NOT NEW.is_erased)
EXECUTE FUNCTION kleidia_reject('an erased account stays erased');

-- The names that accounts have or had, as digests: an erasure leaves no name. The next migration adds
-- those of the accounts that exist, and the one after it lets names change.
CREATE TABLE account_names (
    name_digest BYTEA PRIMARY KEY CHECK (octet_length(name_digest) = 32),
    "user" BIGINT NOT NULL
);

CREATE TRIGGER accounts_keep_their_ids BEFORE UPDATE OF id ON accounts
FOR EACH ROW EXECUTE FUNCTION kleidia_reject('accounts keep their ids');

-- Takes a name for an account. If it belongs to another one, the row stays as it was: nodes of an earlier
-- version insert accounts, too. It is the owner who takes names, so those nodes need no privilege for it.
CREATE FUNCTION kleidia_take_name() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_RELID <> 'accounts'::regclass THEN
        RAISE EXCEPTION 'only accounts take names' USING ERRCODE = 'insufficient_privilege';
    END IF;
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

-- Else a role that may create tables could take names by a trigger of its own.
REVOKE EXECUTE ON FUNCTION kleidia_take_name() FROM PUBLIC;

CREATE TRIGGER accounts_take_free_names BEFORE INSERT OR UPDATE OF name, name_digest ON accounts
FOR EACH ROW EXECUTE FUNCTION kleidia_take_name();

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

UPDATE kleidia_schema SET version = 5, compatible_with = 2;
