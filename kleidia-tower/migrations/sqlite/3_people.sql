-- Profiles, one-time codes and factors; states of accounts; how sessions were authenticated; names that
-- change.

ALTER TABLE accounts ADD COLUMN must_change_password INTEGER NOT NULL DEFAULT 0
    CHECK (must_change_password IN (0, 1));
ALTER TABLE accounts ADD COLUMN is_erased INTEGER NOT NULL DEFAULT 0
    CHECK (is_erased IN (0, 1) AND (is_disabled OR NOT is_erased));

CREATE TRIGGER accounts_stay_erased BEFORE UPDATE OF is_erased ON accounts
WHEN OLD.is_erased AND NOT NEW.is_erased
BEGIN SELECT RAISE(ABORT, 'an erased account stays erased'); END;

-- The names that accounts have or had, as digests: an erasure leaves no name.
CREATE TABLE account_names (
    name_digest BLOB PRIMARY KEY CHECK (length(name_digest) = 32),
    user INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO account_names SELECT name_digest, id FROM accounts;

CREATE TRIGGER account_names_are_not_changed BEFORE UPDATE ON account_names
BEGIN SELECT RAISE(ABORT, 'a name belongs to its first account'); END;
CREATE TRIGGER account_names_are_not_deleted BEFORE DELETE ON account_names
BEGIN SELECT RAISE(ABORT, 'a name belongs to its first account'); END;
-- REPLACE deletes rows without firing delete triggers.
CREATE TRIGGER account_names_are_not_replaced BEFORE INSERT ON account_names
WHEN EXISTS (SELECT 1 FROM account_names WHERE name_digest = NEW.name_digest)
BEGIN SELECT RAISE(ABORT, 'a name belongs to its first account'); END;

DROP TRIGGER accounts_keep_their_names;

CREATE TRIGGER accounts_keep_their_ids BEFORE UPDATE OF id ON accounts
BEGIN SELECT RAISE(ABORT, 'accounts keep their ids'); END;

CREATE TRIGGER accounts_change_name_with_digest BEFORE UPDATE OF name, name_digest ON accounts
WHEN (NEW.name = OLD.name) <> (NEW.name_digest = OLD.name_digest)
BEGIN SELECT RAISE(ABORT, 'a name changes with its digest'); END;

CREATE TRIGGER accounts_take_free_names BEFORE UPDATE OF name, name_digest ON accounts
WHEN EXISTS (SELECT 1 FROM account_names WHERE name_digest = NEW.name_digest AND user <> OLD.id)
BEGIN SELECT RAISE(ABORT, 'a name belongs to its first account'); END;

CREATE TRIGGER new_accounts_take_free_names BEFORE INSERT ON accounts
WHEN EXISTS (SELECT 1 FROM account_names WHERE name_digest = NEW.name_digest)
BEGIN SELECT RAISE(ABORT, 'a name belongs to its first account'); END;

CREATE TRIGGER new_names_are_kept AFTER INSERT ON accounts
BEGIN INSERT INTO account_names VALUES (NEW.name_digest, NEW.id); END;

CREATE TRIGGER changed_names_are_kept AFTER UPDATE OF name_digest ON accounts
WHEN NOT EXISTS (SELECT 1 FROM account_names WHERE name_digest = NEW.name_digest)
BEGIN INSERT INTO account_names VALUES (NEW.name_digest, NEW.id); END;

-- The names of authentication methods (RFC 8176), separated by spaces.
ALTER TABLE sessions ADD COLUMN methods TEXT NOT NULL DEFAULT 'pwd';

-- An account without a row has an empty profile.
CREATE TABLE profiles (
    user INTEGER PRIMARY KEY REFERENCES accounts (id),
    display_name TEXT,
    email TEXT,
    is_email_verified INTEGER NOT NULL CHECK (is_email_verified IN (0, 1)),
    -- A JSON object.
    attributes TEXT NOT NULL CHECK (octet_length(attributes) <= 4096)
) STRICT;

CREATE INDEX profiles_by_email ON profiles (email, user) WHERE is_email_verified = 1;

CREATE TABLE one_time_codes (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    user INTEGER REFERENCES accounts (id),
    purpose TEXT NOT NULL,
    data TEXT NOT NULL CHECK (octet_length(data) <= 16384),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX one_time_codes_of_user ON one_time_codes (user, purpose) WHERE user IS NOT NULL;
CREATE INDEX one_time_codes_expiry ON one_time_codes (expires_at);

CREATE TABLE factors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user INTEGER NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL,
    credential BLOB UNIQUE CHECK (length(credential) BETWEEN 1 AND 1023),
    label TEXT NOT NULL,
    data TEXT NOT NULL CHECK (octet_length(data) <= 16384),
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;

CREATE INDEX factors_of_user ON factors (user);

-- Audit records name accounts as they were called then, so they are found by the ids.
CREATE INDEX audit_of_user_id ON audit (user_id, sequence) WHERE user_id IS NOT NULL;
CREATE INDEX audit_of_actor_id ON audit (actor_id, sequence) WHERE actor_id IS NOT NULL;

PRAGMA user_version = 3;
