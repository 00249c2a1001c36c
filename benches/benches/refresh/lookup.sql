-- The statement that reads the session of a request, for pgbench.
\set id random(1, 256)
SELECT sessions.id, sessions."user", family, ip, user_agent, sessions.created_at,
    authenticated_at, last_seen_at, expires_at, ended_at, end_reason, agent_key, methods,
    accounts.id AS account, name, roles, is_disabled, must_change_password, is_erased,
    accounts.created_at AS account_created_at, password_changed_at
    FROM sessions JOIN accounts ON accounts.id = sessions."user" WHERE sessions.id = :id;
