-- Sessions, families and codes are named by the numbers of their tokens. Failures are those of all names
-- that the accounts have had.
WITH numbered AS (SELECT sessions.*, ('x' || substr(encode(token, 'hex'), 1, 8))::bit(32)::int - $3 AS number
    FROM sessions WHERE "user" IN ($1, $2)),
groups AS (SELECT families.*, (SELECT min(number) FROM numbered WHERE family = families.id) AS number
    FROM families WHERE "user" IN ($1, $2)),
owned AS (SELECT * FROM accounts WHERE id IN ($1, $2))
SELECT concat_ws(' ', 'account', id <> $1, CASE WHEN name LIKE '%-%' THEN split_part(name, '-', 1) END, roles,
    is_disabled, is_erased, must_change_password, password_changed_at, password, 'before', previous_passwords)
    FROM owned
UNION ALL SELECT concat_ws(' ', 'new account', name = ($4::text[])[1], roles, is_disabled, password) FROM accounts
    WHERE name = ANY($4::text[])
UNION ALL SELECT concat_ws(' ', 'family', number, is_revoked, expires_at) FROM groups
UNION ALL SELECT concat_ws(' ', 'session', numbered.number, 'of', groups.number, created_at, authenticated_at,
    methods, last_seen_at, numbered.expires_at, 'ended', ended_at, end_reason, 'agent', agent_key)
    FROM numbered JOIN groups ON groups.id = family
UNION ALL SELECT concat_ws(' ', 'token', ('x' || substr(encode(digest, 'hex'), 1, 8))::bit(32)::int - $3,
    'of', numbered.number, groups.number, refresh_tokens.expires_at, 'consumed', consumed_at,
    ('x' || substr(encode(successor, 'hex'), 1, 8))::bit(32)::int - $3)
    FROM refresh_tokens JOIN numbered ON numbered.id = session JOIN groups ON groups.id = refresh_tokens.family
UNION ALL SELECT concat_ws(' ', 'failures', left(source, 7), failures, pending, pending_at, last_failure_at,
    locked_until, forgotten_at, succeeded_at, expires_at, 'of the name',
    EXISTS (SELECT FROM owned WHERE owned.name_digest = failures.name_digest))
    FROM failures JOIN account_names USING (name_digest) WHERE "user" IN ($1, $2)
UNION ALL SELECT concat_ws(' ', 'code', purpose, ('x' || substr(encode(digest, 'hex'), 1, 8))::bit(32)::int - $3,
    expires_at) FROM one_time_codes WHERE "user" IN ($1, $2)
UNION ALL SELECT concat_ws(' ', 'factor', kind, data, created_at, 'used', last_used_at)
    FROM factors WHERE "user" IN ($1, $2)
UNION ALL SELECT concat_ws(' ', 'profile', display_name, email, is_email_verified)
    FROM profiles WHERE "user" IN ($1, $2)
