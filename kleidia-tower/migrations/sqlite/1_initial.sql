-- Accounts, sessions, failure counters and the audit log. Times are seconds since 1970, and digests
-- are SHA-256.

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    name_digest BLOB NOT NULL UNIQUE CHECK (length(name_digest) = 32),
    roles TEXT NOT NULL,
    is_disabled INTEGER NOT NULL CHECK (is_disabled IN (0, 1)),
    created_at INTEGER NOT NULL,
    password_changed_at INTEGER NOT NULL,
    -- The part of `password` before its salt.
    password_parameters TEXT NOT NULL,
    password TEXT NOT NULL,
    previous_passwords TEXT NOT NULL
) STRICT;

CREATE INDEX accounts_password_parameters ON accounts (password_parameters);

CREATE TRIGGER accounts_are_not_deleted BEFORE DELETE ON accounts
BEGIN SELECT RAISE(ABORT, 'accounts are disabled, never deleted'); END;

-- REPLACE deletes rows without firing delete triggers.
CREATE TRIGGER accounts_are_not_replaced BEFORE INSERT ON accounts
WHEN EXISTS (SELECT 1 FROM accounts
    WHERE id = NEW.id OR name = NEW.name OR name_digest = NEW.name_digest)
BEGIN SELECT RAISE(ABORT, 'accounts are disabled, never deleted'); END;

CREATE TRIGGER accounts_keep_their_names BEFORE UPDATE OF id, name, name_digest ON accounts
BEGIN SELECT RAISE(ABORT, 'accounts are disabled, never deleted'); END;

CREATE TABLE families (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user INTEGER NOT NULL REFERENCES accounts (id),
    is_revoked INTEGER NOT NULL DEFAULT 0 CHECK (is_revoked IN (0, 1)),
    -- The time at which the last of its refresh tokens expires.
    expires_at INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TRIGGER families_stay_revoked BEFORE UPDATE OF is_revoked ON families
WHEN OLD.is_revoked AND NOT NEW.is_revoked
BEGIN SELECT RAISE(ABORT, 'a revoked family stays revoked'); END;

CREATE INDEX families_not_revoked ON families (user, expires_at) WHERE is_revoked = 0;
CREATE INDEX families_expiry ON families (expires_at);

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user INTEGER NOT NULL REFERENCES accounts (id),
    family INTEGER NOT NULL REFERENCES families (id),
    token BLOB NOT NULL UNIQUE CHECK (length(token) = 32),
    ip TEXT,
    user_agent TEXT,
    created_at INTEGER NOT NULL,
    authenticated_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    end_reason TEXT,
    agent_key TEXT,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT;

CREATE TRIGGER sessions_stay_ended BEFORE UPDATE OF ended_at, end_reason, agent_key ON sessions
WHEN OLD.ended_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an ended session stays ended'); END;

CREATE INDEX sessions_not_ended ON sessions (user, expires_at) WHERE ended_at IS NULL;
CREATE INDEX sessions_of_family ON sessions (family, expires_at);

CREATE TABLE refresh_tokens (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    family INTEGER NOT NULL REFERENCES families (id),
    session INTEGER NOT NULL REFERENCES sessions (id),
    expires_at INTEGER NOT NULL,
    consumed_at INTEGER,
    successor BLOB CHECK (length(successor) = 32),
    wrapped BLOB CHECK (length(wrapped) = 32),
    CHECK ((consumed_at IS NULL) = (successor IS NULL) AND (consumed_at IS NULL) = (wrapped IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TRIGGER refresh_tokens_are_consumed_once
BEFORE UPDATE OF consumed_at, successor, wrapped ON refresh_tokens
WHEN OLD.consumed_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a refresh token is consumed once'); END;

CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_of_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session);

CREATE TABLE failures (
    -- The digest of the typed name, since users type passwords into the name field.
    name_digest BLOB NOT NULL CHECK (length(name_digest) = 32),
    -- An address, a network, a session or a device; empty for the counters of all clients. The
    -- digest of a device token is in Base64url.
    source TEXT NOT NULL,
    failures INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    pending_at INTEGER NOT NULL,
    last_failure_at INTEGER NOT NULL,
    locked_until INTEGER NOT NULL,
    forgotten_at INTEGER NOT NULL,
    succeeded_at INTEGER,
    -- The time from which on the row changes no decision.
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (name_digest, source)
) STRICT, WITHOUT ROWID;

CREATE INDEX failures_expiry ON failures (expires_at);

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT CHECK (sequence > 0),
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    user_id INTEGER,
    user_name TEXT,
    actor_id INTEGER,
    actor_name TEXT,
    session INTEGER,
    ip TEXT,
    user_agent TEXT,
    -- What the request asked for: the route is the pattern that matched.
    method TEXT,
    route TEXT CHECK (route IS NULL OR method IS NOT NULL),
    reason TEXT,
    -- Authenticates the record until it is sealed.
    mac BLOB NOT NULL CHECK (length(mac) = 32)
) STRICT;

CREATE INDEX audit_of_user ON audit (user_name, sequence) WHERE user_name IS NOT NULL;
CREATE INDEX audit_of_actor ON audit (actor_name, sequence) WHERE actor_name IS NOT NULL;
CREATE INDEX audit_of_kind ON audit (kind, sequence);
CREATE INDEX audit_at ON audit (at);

-- REPLACE deletes rows without firing delete triggers.
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE sequence = NEW.sequence)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- The records that are not sealed yet.
CREATE TABLE audit_unsealed (record INTEGER PRIMARY KEY) STRICT;

-- The leaves of the Merkle tree that seals the records, each the digest of a record.
CREATE TABLE audit_leaves (
    leaf INTEGER PRIMARY KEY CHECK (leaf >= 0),
    record INTEGER NOT NULL UNIQUE
) STRICT;

-- The nodes of the tree that do not change any more, also those of leaves, in the order of their
-- completion.
CREATE TABLE audit_hashes (
    position INTEGER PRIMARY KEY CHECK (position >= 0),
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- The signed checkpoints of the tree: the last one of each hour since 1970.
CREATE TABLE audit_checkpoints (
    hour INTEGER PRIMARY KEY,
    size INTEGER NOT NULL,
    note TEXT NOT NULL
) STRICT;

-- The verifier keys of the log, each from the first leaf on that was sealed with it. The checkpoint is
-- the last one of the previous key, which both have signed.
CREATE TABLE audit_keys (
    first_leaf INTEGER PRIMARY KEY CHECK (first_leaf >= 0),
    verifier_key TEXT NOT NULL,
    checkpoint TEXT
) STRICT;

CREATE TRIGGER audit_keys_go_forward BEFORE INSERT ON audit_keys
WHEN EXISTS (SELECT 1 FROM audit_keys WHERE first_leaf >= NEW.first_leaf)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_keys_are_not_changed BEFORE UPDATE ON audit_keys
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_keys_are_not_deleted BEFORE DELETE ON audit_keys
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- How many leaves are detached: exported, and deleted with their records. The note is signed, and has the
-- largest number of a detached record, too. The hashes before the next position are deleted, but those
-- that stand for the detached leaves.
CREATE TABLE audit_detached (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    size INTEGER NOT NULL,
    next_position INTEGER NOT NULL,
    note TEXT
) STRICT;

INSERT INTO audit_detached VALUES (1, 0, 0, NULL);

-- After the key was replaced, the new one signs what is detached.
CREATE TRIGGER audit_detached_goes_forward BEFORE UPDATE ON audit_detached
WHEN NEW.note IS NULL OR NOT
    (NEW.size > OLD.size AND NEW.next_position > OLD.next_position
    OR NEW.size = OLD.size AND NEW.next_position = OLD.next_position
        AND EXISTS (SELECT 1 FROM audit_keys WHERE first_leaf > 0))
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_detached_is_not_replaced BEFORE INSERT ON audit_detached
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_detached_is_not_deleted BEFORE DELETE ON audit_detached
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
WHEN NOT EXISTS (SELECT 1 FROM audit_leaves
    WHERE record = OLD.sequence AND leaf < (SELECT size FROM audit_detached))
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_unsealed_is_sealed BEFORE DELETE ON audit_unsealed
WHEN NOT EXISTS (SELECT 1 FROM audit_leaves WHERE record = OLD.record)
BEGIN SELECT RAISE(ABORT, 'audit records are sealed'); END;
CREATE TRIGGER audit_unsealed_is_not_changed BEFORE UPDATE ON audit_unsealed
BEGIN SELECT RAISE(ABORT, 'audit records are sealed'); END;

CREATE TRIGGER audit_leaves_are_not_replaced BEFORE INSERT ON audit_leaves
WHEN EXISTS (SELECT 1 FROM audit_leaves WHERE leaf = NEW.leaf OR record = NEW.record)
    OR NEW.leaf < (SELECT size FROM audit_detached)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_leaves_are_not_changed BEFORE UPDATE ON audit_leaves
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_leaves_are_not_deleted BEFORE DELETE ON audit_leaves
WHEN OLD.leaf >= coalesce((SELECT size FROM audit_detached), 0)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_hashes_are_not_replaced BEFORE INSERT ON audit_hashes
WHEN EXISTS (SELECT 1 FROM audit_hashes WHERE position = NEW.position)
    OR NEW.position < (SELECT next_position FROM audit_detached)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_hashes_are_not_changed BEFORE UPDATE ON audit_hashes
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_hashes_are_not_deleted BEFORE DELETE ON audit_hashes
WHEN OLD.position >= coalesce((SELECT next_position FROM audit_detached), 0)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- A checkpoint is larger than the last one. This also keeps REPLACE from replacing one.
CREATE TRIGGER audit_checkpoints_go_forward BEFORE INSERT ON audit_checkpoints
WHEN EXISTS (SELECT 1 FROM (SELECT hour, size FROM audit_checkpoints ORDER BY hour DESC LIMIT 1)
    WHERE size >= NEW.size OR hour > NEW.hour)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_checkpoints_are_not_replaced BEFORE UPDATE ON audit_checkpoints
WHEN NEW.hour IS NOT OLD.hour OR NEW.size <= OLD.size
    OR NEW.hour < (SELECT max(hour) FROM audit_checkpoints)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_checkpoints_are_not_deleted BEFORE DELETE ON audit_checkpoints
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- "KLDA", the application id of this crate.
PRAGMA application_id = 1263289409;
PRAGMA user_version = 1;
