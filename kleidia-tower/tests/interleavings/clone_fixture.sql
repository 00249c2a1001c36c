-- Copies the accounts of a fixture with their rows, which is faster than the operations that made them. A
-- purge may delete the original.
CREATE TEMPORARY TABLE template_accounts AS SELECT * FROM accounts;
CREATE TEMPORARY TABLE template_families AS SELECT * FROM families;
CREATE TEMPORARY TABLE template_sessions AS SELECT * FROM sessions;
CREATE TEMPORARY TABLE template_refresh_tokens AS SELECT * FROM refresh_tokens;
CREATE TEMPORARY TABLE template_failures AS SELECT * FROM failures;
CREATE TEMPORARY TABLE template_codes AS SELECT * FROM one_time_codes;
CREATE TEMPORARY TABLE template_factors AS SELECT * FROM factors;

CREATE FUNCTION pg_temp.renumber(digest BYTEA, shift INTEGER) RETURNS BYTEA LANGUAGE sql AS $$
    SELECT int4send(('x' || encode(substr(digest, 1, 4), 'hex'))::bit(32)::integer + shift) || substr(digest, 5)
$$;

CREATE FUNCTION pg_temp.clone_account(template BIGINT, new_name TEXT) RETURNS BIGINT LANGUAGE sql AS $$
    INSERT INTO accounts (name, name_digest, roles, created_at, password_changed_at, password_parameters, password,
        previous_passwords)
    SELECT new_name, sha256(convert_to(new_name, 'UTF8')), 'admin', created_at, password_changed_at, password_parameters,
        password, previous_passwords FROM template_accounts WHERE id = template
    RETURNING id
$$;

-- Administrators of earlier fixtures become users.
CREATE FUNCTION pg_temp.clone_fixture(template BIGINT[], number INTEGER, shift INTEGER, OUT account BIGINT,
    OUT other BIGINT, OUT session_ids BIGINT[], OUT factor BIGINT, OUT last_record BIGINT) LANGUAGE plpgsql AS $$
DECLARE
    family template_families;
    session template_sessions;
    new_family BIGINT;
    new_session BIGINT;
BEGIN
    UPDATE accounts SET roles = 'user' WHERE NOT is_disabled AND string_to_array(roles, ',') && '{admin}';
    account := pg_temp.clone_account(template[1], 'user' || number);
    other := pg_temp.clone_account(template[2], 'other' || number);
    FOR family IN SELECT * FROM template_families ORDER BY id LOOP
        INSERT INTO families ("user", expires_at) VALUES (account, family.expires_at) RETURNING id INTO new_family;
        FOR session IN SELECT * FROM template_sessions AS found WHERE found.family = family.id ORDER BY id LOOP
            INSERT INTO sessions ("user", family, token, ip, user_agent, created_at, authenticated_at, last_seen_at,
                expires_at, methods)
            VALUES (account, new_family, pg_temp.renumber(session.token, shift), session.ip, session.user_agent,
                session.created_at, session.authenticated_at, session.last_seen_at, session.expires_at,
                session.methods)
            RETURNING id INTO new_session;
            session_ids := session_ids || new_session;
            INSERT INTO refresh_tokens (digest, family, session, expires_at, consumed_at, successor, wrapped)
            SELECT pg_temp.renumber(digest, shift), new_family, new_session, expires_at, consumed_at,
                pg_temp.renumber(successor, shift), wrapped FROM template_refresh_tokens AS found
            WHERE found.session = session.id;
        END LOOP;
    END LOOP;
    INSERT INTO failures (name_digest, source, failures, pending, pending_at, last_failure_at, locked_until,
        forgotten_at, succeeded_at, expires_at)
    SELECT accounts.name_digest, source, failures, pending, pending_at, last_failure_at, locked_until, forgotten_at,
        succeeded_at, expires_at
    FROM template_failures AS found JOIN accounts ON accounts.id = account
    -- As after a failure, which changes the row of the account last.
    ORDER BY source DESC;
    INSERT INTO one_time_codes (digest, "user", purpose, data, created_at, expires_at)
    SELECT pg_temp.renumber(digest, shift), account, purpose, data, created_at, expires_at FROM template_codes;
    INSERT INTO factors ("user", kind, label, data, created_at)
    SELECT account, kind, label, data, created_at FROM template_factors RETURNING id INTO factor;
    SELECT last_value INTO last_record FROM audit_sequence;
END $$;
