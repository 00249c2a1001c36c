-- The statements of a refresh, for pgbench. Its variables are numbers, so tokens are numbers
-- too.
\set at 1800000000 + :n
\set expires_at :at + 600
\set refresh_expires_at :at + 2592000
\set base (:client_id + 100 * :run) * 1000000000000
\set presented :base + :n
\set n :n + 1
\set successor :base + :n
\set id :client_id + 1
SELECT session, refresh_tokens.expires_at, consumed_at, is_revoked,
    authenticated_at, accounts.id AS account, name, roles, is_disabled,
    must_change_password, is_erased, accounts.created_at AS account_created_at, password_changed_at FROM refresh_tokens
    LEFT JOIN families ON families.id = refresh_tokens.family
    LEFT JOIN sessions ON sessions.id = session
    LEFT JOIN accounts ON accounts.id = sessions."user" WHERE digest = :presented;
START TRANSACTION ISOLATION LEVEL READ COMMITTED;
SELECT "user" FROM refresh_tokens JOIN families ON families.id = family WHERE digest = :presented;
WITH locked AS MATERIALIZED (SELECT accounts.id AS account, name, roles,
    is_disabled, must_change_password, is_erased, accounts.created_at AS account_created_at,
    password_changed_at, password, previous_passwords FROM accounts WHERE id = :id FOR NO KEY UPDATE)
    SELECT *, nextval('audit_sequence') AS sequence FROM locked
\gset
SELECT digest, family, session, refresh_tokens.expires_at, consumed_at,
    successor, wrapped, is_revoked FROM refresh_tokens
    JOIN families ON families.id = family
    WHERE digest = :presented FOR NO KEY UPDATE OF refresh_tokens;
SELECT id, "user", family, ip, user_agent, created_at, authenticated_at,
    last_seen_at, expires_at, ended_at, end_reason, agent_key, methods FROM sessions
    WHERE id = :id AND "user" = :id;
UPDATE sessions SET expires_at = greatest(expires_at, :expires_at),
    last_seen_at = greatest(last_seen_at, :at) WHERE id = :id AND ended_at IS NULL;
UPDATE refresh_tokens SET consumed_at = :at, successor = :successor, wrapped = :successor
    WHERE digest = :presented AND consumed_at IS NULL;
WITH part_0 AS (INSERT INTO refresh_tokens (digest, family, session, expires_at)
        VALUES (:successor, :id, :id, :refresh_expires_at)),
    part_1 AS (UPDATE families SET expires_at = :refresh_expires_at
        WHERE id = :id AND expires_at < :refresh_expires_at),
    part_2 AS (INSERT INTO audit (sequence, at, kind, outcome, user_id,
        user_name, actor_id, actor_name, session, ip, user_agent, method, route, reason, mac)
        VALUES (:sequence, :at, 'token.refresh', 'success', :id, 'user-1', NULL, NULL, :id,
        '127.0.0.1', NULL, NULL, NULL, NULL, :successor))
    INSERT INTO audit_unsealed VALUES (:sequence);
COMMIT;
