-- The statements of a login from a familiar device, for pgbench. Its variables are numbers, so
-- names, digests and tokens are numbers too.
\set at 1800000000 + :n
\set expires_at :at + 600
\set name :client_id * 8 + :n % 8 + 1
\set token (:client_id + 100 * :run) * 1000000000000 + :n
\set n :n + 1
START TRANSACTION ISOLATION LEVEL READ COMMITTED;
INSERT INTO failures (name_digest, source) VALUES (:name, '')
    ON CONFLICT (name_digest, source) DO UPDATE SET failures = failures.failures
    RETURNING failures, pending, pending_at, last_failure_at, locked_until,
    forgotten_at, succeeded_at, expires_at;
SELECT failures, pending, pending_at, last_failure_at, locked_until,
    forgotten_at, succeeded_at, expires_at FROM failures
    WHERE name_digest = :name AND source = 'device:1';
INSERT INTO failures (name_digest, source, failures, pending, pending_at,
    last_failure_at, locked_until, forgotten_at, succeeded_at, expires_at)
    VALUES (:name, 'device:1', 0, 1, :at, 0, 0, 0, :at, :expires_at)
    ON CONFLICT (name_digest, source) DO UPDATE SET failures = 0, pending = 1,
    pending_at = :at, last_failure_at = 0, locked_until = 0, forgotten_at = 0,
    succeeded_at = :at, expires_at = :expires_at;
INSERT INTO failures (name_digest, source, failures, pending, pending_at,
    last_failure_at, locked_until, forgotten_at, succeeded_at, expires_at)
    VALUES (:name, '', 0, 1, :at, 0, 0, 0, :at, :expires_at)
    ON CONFLICT (name_digest, source) DO UPDATE SET failures = 0, pending = 1,
    pending_at = :at, last_failure_at = 0, locked_until = 0, forgotten_at = 0,
    succeeded_at = :at, expires_at = :expires_at;
COMMIT;
SELECT accounts.id AS account, name, roles, is_disabled, must_change_password, is_erased,
    accounts.created_at AS account_created_at, password_changed_at, password, previous_passwords
    FROM accounts WHERE name = :name;
WITH RECURSIVE used (parameters) AS
    (SELECT min(password_parameters) FROM accounts
    UNION ALL SELECT (SELECT min(password_parameters) FROM accounts
        WHERE password_parameters > parameters) FROM used
        WHERE parameters IS NOT NULL)
    SELECT parameters FROM used WHERE parameters IS NOT NULL;
START TRANSACTION ISOLATION LEVEL READ COMMITTED;
WITH locked AS MATERIALIZED (SELECT accounts.id AS account, name, roles,
    is_disabled, must_change_password, is_erased, accounts.created_at AS account_created_at,
    password_changed_at, password, previous_passwords FROM accounts WHERE id = :name FOR NO KEY UPDATE)
    SELECT *, nextval('audit_sequence') AS sequence FROM locked
\gset
INSERT INTO failures (name_digest, source) VALUES (:name, '')
    ON CONFLICT (name_digest, source) DO UPDATE SET failures = failures.failures
    RETURNING failures, pending, pending_at, last_failure_at, locked_until,
    forgotten_at, succeeded_at, expires_at;
SELECT failures, pending, pending_at, last_failure_at, locked_until,
    forgotten_at, succeeded_at, expires_at FROM failures
    WHERE name_digest = :name AND source = 'device:1';
INSERT INTO failures (name_digest, source, failures, pending, pending_at,
    last_failure_at, locked_until, forgotten_at, succeeded_at, expires_at)
    VALUES (:name, 'device:1', 0, 0, :at, 0, 0, 0, :at, :expires_at)
    ON CONFLICT (name_digest, source) DO UPDATE SET failures = 0, pending = 0,
    pending_at = :at, last_failure_at = 0, locked_until = 0, forgotten_at = 0,
    succeeded_at = :at, expires_at = :expires_at;
INSERT INTO failures (name_digest, source, failures, pending, pending_at,
    last_failure_at, locked_until, forgotten_at, succeeded_at, expires_at)
    VALUES (:name, '', 0, 0, :at, 0, 0, 0, :at, :expires_at)
    ON CONFLICT (name_digest, source) DO UPDATE SET failures = 0, pending = 0,
    pending_at = :at, last_failure_at = 0, locked_until = 0, forgotten_at = 0,
    succeeded_at = :at, expires_at = :expires_at;
SELECT failures, pending, pending_at, last_failure_at, locked_until,
    forgotten_at, succeeded_at, expires_at FROM failures
    WHERE name_digest = :name AND source = '127.0.0.1';
INSERT INTO failures (name_digest, source, failures, pending, pending_at,
    last_failure_at, locked_until, forgotten_at, succeeded_at, expires_at)
    VALUES (:name, '127.0.0.1', 0, 0, :at, 0, 0, 0, :at, :expires_at)
    ON CONFLICT (name_digest, source) DO UPDATE SET failures = 0, pending = 0,
    pending_at = :at, last_failure_at = 0, locked_until = 0, forgotten_at = 0,
    succeeded_at = :at, expires_at = :expires_at;
INSERT INTO families ("user") VALUES (:name) RETURNING id
\gset family_
INSERT INTO sessions ("user", family, token, ip, user_agent, created_at,
    authenticated_at, last_seen_at, expires_at, agent_key, methods)
    VALUES (:name, :family_id, :token, '127.0.0.1', NULL, :at, :at, :at, :expires_at, NULL, 'pwd')
    RETURNING id
\gset session_
WITH part_0 AS (INSERT INTO refresh_tokens (digest, family, session, expires_at)
        VALUES (:token, :family_id, :session_id, :expires_at))
    UPDATE families SET expires_at = :expires_at
    WHERE id = :family_id AND expires_at < :expires_at;
SELECT id FROM families WHERE "user" = :name AND NOT is_revoked
    ORDER BY expires_at, id
    LIMIT (SELECT count(*) FROM (SELECT 1 FROM families WHERE "user" = :name
        AND NOT is_revoked ORDER BY expires_at, id LIMIT 100 OFFSET 100) AS excess);
SELECT nextval('audit_sequence') AS sequence FROM generate_series(1, 1::bigint)
\gset second_
WITH part_0 AS (INSERT INTO audit (sequence, at, kind, outcome, user_id,
        user_name, actor_id, actor_name, session, ip, user_agent, method, route, reason, mac)
        VALUES (:sequence, :at, 'login.success', 'success', :name, :name, NULL, NULL, :session_id,
        '127.0.0.1', NULL, NULL, NULL, NULL, :token)),
    part_1 AS (INSERT INTO audit_unsealed VALUES (:sequence)),
    part_2 AS (INSERT INTO audit (sequence, at, kind, outcome, user_id,
        user_name, actor_id, actor_name, session, ip, user_agent, method, route, reason, mac)
        VALUES (:second_sequence, :at, 'session.created', 'success', :name, :name, NULL, NULL, :session_id,
        '127.0.0.1', NULL, NULL, NULL, NULL, :token))
    INSERT INTO audit_unsealed VALUES (:second_sequence);
COMMIT;
