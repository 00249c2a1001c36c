-- Generates SESSIONS sessions of a tenth as many users, and RECORDS audit records. All users have
-- the password of `user-0`. Placed after the leaves and hashes that the log seals itself, those
-- of the records only make its indexes as deep as a log of this size has them.
CREATE TEMPORARY VIEW now AS SELECT floor(extract(epoch FROM clock_timestamp()))::bigint AS now;
INSERT INTO accounts (name, name_digest, roles, created_at, password_changed_at,
    password_parameters, password, previous_passwords)
    SELECT 'user-' || number, sha256(('user-' || number)::bytea), roles, created_at,
    password_changed_at, password_parameters, password, ''
    FROM accounts, generate_series(1, SESSIONS / 10) AS number
    WHERE name = 'user-0' ORDER BY number;
INSERT INTO failures (name_digest, source, succeeded_at, expires_at)
    SELECT name_digest, source, now, now + 30 * 86400 FROM now, accounts,
    unnest(ARRAY['', '192.0.2.1', 'device:' || encode(name_digest, 'base64')]) AS source;
INSERT INTO families ("user", expires_at)
    SELECT 2 + id % (SESSIONS / 10), now + 86400 + id % (6 * 86400)
    FROM now, generate_series(1, SESSIONS) AS id ORDER BY id;
INSERT INTO sessions ("user", family, token, ip, user_agent, created_at, authenticated_at,
    last_seen_at, expires_at)
    SELECT "user", id, sha256(('session-' || id)::bytea), '192.0.2.1', repeat('u', 110), now,
    now, now, now + 86400 FROM now, families ORDER BY id;
INSERT INTO refresh_tokens (digest, family, session, expires_at)
    SELECT sha256(('token-' || id)::bytea), id, id, expires_at FROM families;
INSERT INTO audit (sequence, at, kind, outcome, user_id, user_name, session, ip, user_agent, mac)
    SELECT 1000 + id, now, 'token.refresh', 'success', 2 + id % (SESSIONS / 10),
    'user-' || 1 + id % (SESSIONS / 10), 1 + id % SESSIONS, '192.0.2.1', repeat('u', 110),
    sha256(id::text::bytea) FROM now, generate_series(1, RECORDS::bigint) AS id;
INSERT INTO audit_leaves
    SELECT 1000000000 + id, 1000 + id FROM generate_series(1, RECORDS::bigint) AS id;
INSERT INTO audit_hashes
    SELECT 1000000000 + id, sha256(id::text::bytea)
    FROM generate_series(1, 2 * RECORDS::bigint) AS id;
SELECT setval('audit_sequence', 1000 + RECORDS);
VACUUM ANALYZE;
CHECKPOINT;
