-- Accounts, sessions, failure counters and the audit log. Times are seconds since 1970, and digests
-- are SHA-256.

-- Functions name what is in this schema. A role that may create temporary tables or other schemas cannot
-- put its own in the place of them: temporary ones are looked up last.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', TRUE);

-- The version of the schema, and the oldest version of the crate's schema that can serve it.
CREATE TABLE kleidia_schema (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    compatible_with INTEGER NOT NULL CHECK (compatible_with <= version)
);

INSERT INTO kleidia_schema VALUES (1, 1, 1);

CREATE FUNCTION kleidia_reject() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- Locked by operations whose rules span accounts.
CREATE TABLE administration (id INTEGER PRIMARY KEY CHECK (id = 1));

INSERT INTO administration VALUES (1);

CREATE TABLE accounts (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    name_digest BYTEA NOT NULL UNIQUE CHECK (octet_length(name_digest) = 32),
    -- Separated by commas.
    roles TEXT COLLATE "C" NOT NULL,
    is_disabled BOOLEAN NOT NULL DEFAULT FALSE,
    created_at BIGINT NOT NULL,
    password_changed_at BIGINT NOT NULL,
    -- The part of `password` before its salt.
    password_parameters TEXT COLLATE "C" NOT NULL,
    password TEXT NOT NULL,
    previous_passwords TEXT NOT NULL
);

CREATE INDEX accounts_password_parameters ON accounts (password_parameters);
CREATE INDEX accounts_enabled_by_role ON accounts USING gin (string_to_array(roles, ','))
    WHERE NOT is_disabled;

CREATE TRIGGER accounts_are_not_deleted BEFORE DELETE ON accounts
FOR EACH ROW EXECUTE FUNCTION kleidia_reject('accounts are disabled, never deleted');
CREATE TRIGGER accounts_are_not_truncated BEFORE TRUNCATE ON accounts
EXECUTE FUNCTION kleidia_reject('accounts are disabled, never deleted');
CREATE TRIGGER accounts_keep_their_names BEFORE UPDATE OF id, name, name_digest ON accounts
FOR EACH ROW EXECUTE FUNCTION kleidia_reject('accounts keep their names');

CREATE TABLE families (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "user" BIGINT NOT NULL REFERENCES accounts (id),
    is_revoked BOOLEAN NOT NULL DEFAULT FALSE,
    -- The time at which the last of its refresh tokens expires.
    expires_at BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX families_not_revoked ON families ("user", expires_at, id) WHERE NOT is_revoked;
CREATE INDEX families_expiry ON families (expires_at);

CREATE TRIGGER families_stay_revoked BEFORE UPDATE OF is_revoked ON families
FOR EACH ROW WHEN (OLD.is_revoked AND NOT NEW.is_revoked)
EXECUTE FUNCTION kleidia_reject('a revoked family stays revoked');

CREATE TABLE sessions (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "user" BIGINT NOT NULL REFERENCES accounts (id),
    family BIGINT NOT NULL REFERENCES families (id),
    token BYTEA NOT NULL UNIQUE CHECK (octet_length(token) = 32),
    ip TEXT,
    user_agent TEXT,
    created_at BIGINT NOT NULL,
    authenticated_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    end_reason TEXT,
    agent_key TEXT,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);

CREATE INDEX sessions_not_ended ON sessions ("user", expires_at) WHERE ended_at IS NULL;
CREATE INDEX sessions_of_family ON sessions (family, expires_at);

CREATE TRIGGER sessions_stay_ended BEFORE UPDATE OF ended_at, end_reason, agent_key ON sessions
FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL)
EXECUTE FUNCTION kleidia_reject('an ended session stays ended');

CREATE TABLE refresh_tokens (
    digest BYTEA PRIMARY KEY CHECK (octet_length(digest) = 32),
    family BIGINT NOT NULL REFERENCES families (id),
    session BIGINT NOT NULL REFERENCES sessions (id),
    expires_at BIGINT NOT NULL,
    consumed_at BIGINT,
    successor BYTEA CHECK (octet_length(successor) = 32),
    wrapped BYTEA CHECK (octet_length(wrapped) = 32),
    CHECK ((consumed_at IS NULL) = (successor IS NULL) AND (consumed_at IS NULL) = (wrapped IS NULL))
);

CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_of_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session);

CREATE TRIGGER refresh_tokens_are_consumed_once
BEFORE UPDATE OF consumed_at, successor, wrapped ON refresh_tokens
FOR EACH ROW WHEN (OLD.consumed_at IS NOT NULL)
EXECUTE FUNCTION kleidia_reject('a refresh token is consumed once');

CREATE TABLE failures (
    -- The digest of the typed name, since users type passwords into the name field.
    name_digest BYTEA NOT NULL CHECK (octet_length(name_digest) = 32),
    -- An address, a network, a session or a device; empty for the counters of all clients. The
    -- digest of a device token is in Base64url.
    source TEXT COLLATE "C" NOT NULL,
    failures BIGINT NOT NULL DEFAULT 0,
    pending BIGINT NOT NULL DEFAULT 0,
    pending_at BIGINT NOT NULL DEFAULT 0,
    last_failure_at BIGINT NOT NULL DEFAULT 0,
    locked_until BIGINT NOT NULL DEFAULT 0,
    forgotten_at BIGINT NOT NULL DEFAULT 0,
    succeeded_at BIGINT,
    -- The time from which on the row changes no decision.
    expires_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (name_digest, source)
);

CREATE INDEX failures_expiry ON failures (expires_at);

-- The numbers of audit records. They say nothing about the order of commits.
CREATE SEQUENCE audit_sequence AS BIGINT;

CREATE TABLE audit (
    sequence BIGINT PRIMARY KEY CHECK (sequence > 0),
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    user_id BIGINT,
    user_name TEXT,
    actor_id BIGINT,
    actor_name TEXT,
    session BIGINT,
    ip TEXT,
    user_agent TEXT,
    -- What the request asked for: the route is the pattern that matched.
    method TEXT,
    route TEXT CHECK (route IS NULL OR method IS NOT NULL),
    reason TEXT,
    -- Authenticates the record until it is sealed.
    mac BYTEA NOT NULL CHECK (octet_length(mac) = 32)
);

CREATE INDEX audit_of_user ON audit (user_name, sequence) WHERE user_name IS NOT NULL;
CREATE INDEX audit_of_actor ON audit (actor_name, sequence) WHERE actor_name IS NOT NULL;
CREATE INDEX audit_of_kind ON audit (kind, sequence);
-- Records are almost in the order of time. After old ones were detached, it has to be built again.
CREATE INDEX audit_at ON audit USING brin (at) WITH (autosummarize = on);

-- The records that are not sealed yet. It is a table, so that a record which is committed late is not
-- skipped, also after the restoration of a backup.
CREATE TABLE audit_unsealed (record BIGINT PRIMARY KEY);

-- The leaves of the Merkle tree that seals the records, each the digest of a record.
CREATE TABLE audit_leaves (
    leaf BIGINT PRIMARY KEY CHECK (leaf >= 0),
    record BIGINT NOT NULL UNIQUE
);

-- The nodes of the tree that do not change any more, also those of leaves, in the order of their
-- completion.
CREATE TABLE audit_hashes (
    position BIGINT PRIMARY KEY CHECK (position >= 0),
    hash BYTEA NOT NULL CHECK (octet_length(hash) = 32)
);

-- The signed checkpoints of the tree: the last one of each hour since 1970.
CREATE TABLE audit_checkpoints (
    hour BIGINT PRIMARY KEY,
    size BIGINT NOT NULL,
    note TEXT NOT NULL
);

-- The verifier keys of the log, each from the first leaf on that was sealed with it. The checkpoint is
-- the last one of the previous key, which both have signed.
CREATE TABLE audit_keys (
    first_leaf BIGINT PRIMARY KEY CHECK (first_leaf >= 0),
    verifier_key TEXT NOT NULL,
    checkpoint TEXT
);

-- How many leaves are detached: exported, and deleted with their records. The note is signed, and has the
-- largest number of a detached record, too. The hashes before the next position are deleted, but those
-- that stand for the detached leaves.
CREATE TABLE audit_detached (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    size BIGINT NOT NULL,
    next_position BIGINT NOT NULL,
    note TEXT
);

INSERT INTO audit_detached VALUES (1, 0, 0, NULL);

-- Also against a role that was granted more than the service needs.
CREATE FUNCTION kleidia_is_owner(relation OID) RETURNS boolean LANGUAGE sql STABLE
SET search_path FROM CURRENT AS $$
    SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE pg_class.oid = relation
$$;

CREATE FUNCTION kleidia_check_detached() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    is_kept BOOLEAN;
BEGIN
    IF TG_TABLE_NAME = 'audit' THEN
        is_kept := EXISTS (SELECT FROM removed WHERE NOT EXISTS (SELECT FROM audit_leaves
            WHERE record = removed.sequence AND leaf < (SELECT size FROM audit_detached)));
    ELSIF TG_TABLE_NAME = 'audit_leaves' THEN
        is_kept := EXISTS (SELECT FROM removed
            WHERE leaf >= coalesce((SELECT size FROM audit_detached), 0));
    ELSE
        is_kept := EXISTS (SELECT FROM removed
            WHERE position >= coalesce((SELECT next_position FROM audit_detached), 0));
    END IF;
    IF is_kept OR NOT kleidia_is_owner(TG_RELID) THEN
        RAISE EXCEPTION 'the audit log is append-only'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION kleidia_check_detaching() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    -- After the key was replaced, the new one signs what is detached.
    IF NEW.note IS NULL OR NOT kleidia_is_owner(TG_RELID)
        OR NOT (NEW.size > OLD.size AND NEW.next_position > OLD.next_position
            OR NEW.size = OLD.size AND NEW.next_position = OLD.next_position
                AND EXISTS (SELECT FROM audit_keys WHERE first_leaf > 0))
    THEN
        RAISE EXCEPTION 'only the owner of the tables detaches audit records'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

-- Nothing takes the place of what is detached.
CREATE FUNCTION kleidia_check_appended() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    is_detached BOOLEAN;
BEGIN
    IF TG_TABLE_NAME = 'audit_leaves' THEN
        is_detached := EXISTS (SELECT FROM appended
            WHERE leaf < (SELECT size FROM audit_detached));
    ELSE
        is_detached := EXISTS (SELECT FROM appended
            WHERE position < (SELECT next_position FROM audit_detached));
    END IF;
    IF is_detached THEN
        RAISE EXCEPTION 'the audit log is append-only'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER audit_detached_goes_forward BEFORE UPDATE ON audit_detached
FOR EACH ROW EXECUTE FUNCTION kleidia_check_detaching();
CREATE TRIGGER audit_detached_is_not_deleted BEFORE INSERT OR DELETE ON audit_detached
FOR EACH ROW EXECUTE FUNCTION kleidia_reject('the audit log is append-only');
CREATE TRIGGER audit_detached_is_not_truncated BEFORE TRUNCATE ON audit_detached
EXECUTE FUNCTION kleidia_reject('the audit log is append-only');

CREATE TRIGGER audit_is_not_deleted AFTER DELETE ON audit
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT EXECUTE FUNCTION kleidia_check_detached();
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
FOR EACH ROW EXECUTE FUNCTION kleidia_reject('the audit log is append-only');
CREATE TRIGGER audit_is_not_truncated BEFORE TRUNCATE ON audit
EXECUTE FUNCTION kleidia_reject('the audit log is append-only');

CREATE FUNCTION kleidia_check_sealed() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM removed WHERE NOT EXISTS
        (SELECT FROM audit_leaves WHERE audit_leaves.record = removed.record))
    THEN
        RAISE EXCEPTION 'audit records are sealed' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER audit_unsealed_is_sealed AFTER DELETE ON audit_unsealed
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT EXECUTE FUNCTION kleidia_check_sealed();
CREATE TRIGGER audit_unsealed_is_not_changed BEFORE UPDATE ON audit_unsealed
FOR EACH ROW EXECUTE FUNCTION kleidia_reject('audit records are sealed');
CREATE TRIGGER audit_unsealed_is_not_truncated BEFORE TRUNCATE ON audit_unsealed
EXECUTE FUNCTION kleidia_reject('audit records are sealed');

CREATE TRIGGER audit_leaves_are_appended AFTER INSERT ON audit_leaves
REFERENCING NEW TABLE AS appended
FOR EACH STATEMENT EXECUTE FUNCTION kleidia_check_appended();
CREATE TRIGGER audit_leaves_are_not_deleted AFTER DELETE ON audit_leaves
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT EXECUTE FUNCTION kleidia_check_detached();
CREATE TRIGGER audit_leaves_are_not_changed BEFORE UPDATE ON audit_leaves
FOR EACH ROW EXECUTE FUNCTION kleidia_reject('the audit log is append-only');
CREATE TRIGGER audit_leaves_are_not_truncated BEFORE TRUNCATE ON audit_leaves
EXECUTE FUNCTION kleidia_reject('the audit log is append-only');

CREATE TRIGGER audit_hashes_are_appended AFTER INSERT ON audit_hashes
REFERENCING NEW TABLE AS appended
FOR EACH STATEMENT EXECUTE FUNCTION kleidia_check_appended();
CREATE TRIGGER audit_hashes_are_not_deleted AFTER DELETE ON audit_hashes
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT EXECUTE FUNCTION kleidia_check_detached();
CREATE TRIGGER audit_hashes_are_not_changed BEFORE UPDATE ON audit_hashes
FOR EACH ROW EXECUTE FUNCTION kleidia_reject('the audit log is append-only');
CREATE TRIGGER audit_hashes_are_not_truncated BEFORE TRUNCATE ON audit_hashes
EXECUTE FUNCTION kleidia_reject('the audit log is append-only');

CREATE TRIGGER audit_keys_are_not_changed BEFORE UPDATE OR DELETE ON audit_keys
FOR EACH ROW EXECUTE FUNCTION kleidia_reject('the audit log is append-only');
CREATE TRIGGER audit_keys_are_not_truncated BEFORE TRUNCATE ON audit_keys
EXECUTE FUNCTION kleidia_reject('the audit log is append-only');

-- A checkpoint is larger than the last one, and only the last one is replaced. The transactions that seal
-- are serial.
CREATE FUNCTION kleidia_check_checkpoint() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT hour, size FROM audit_checkpoints ORDER BY hour DESC LIMIT 1) AS last
        WHERE size >= NEW.size OR hour > NEW.hour)
    THEN
        RAISE EXCEPTION 'the audit log is append-only'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER audit_checkpoints_go_forward BEFORE INSERT OR UPDATE ON audit_checkpoints
FOR EACH ROW EXECUTE FUNCTION kleidia_check_checkpoint();
CREATE TRIGGER audit_checkpoints_keep_their_hours BEFORE UPDATE ON audit_checkpoints
FOR EACH ROW WHEN (NEW.hour <> OLD.hour)
EXECUTE FUNCTION kleidia_reject('the audit log is append-only');
CREATE TRIGGER audit_checkpoints_are_not_deleted BEFORE DELETE ON audit_checkpoints
FOR EACH ROW EXECUTE FUNCTION kleidia_reject('the audit log is append-only');
CREATE TRIGGER audit_checkpoints_are_not_truncated BEFORE TRUNCATE ON audit_checkpoints
EXECUTE FUNCTION kleidia_reject('the audit log is append-only');
