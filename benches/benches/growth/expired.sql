-- Generates COUNT sessions that have expired, with a refresh token each.
WITH now AS (SELECT floor(extract(epoch FROM clock_timestamp()))::bigint AS now),
expired AS (INSERT INTO families ("user", expires_at)
    SELECT 2 + id % (SESSIONS / 10), now - 2 * 86400 FROM now, generate_series(1, COUNT) AS id
    RETURNING id, "user", expires_at),
ended AS (INSERT INTO sessions ("user", family, token, ip, user_agent, created_at, authenticated_at,
    last_seen_at, expires_at)
    SELECT "user", id, sha256(('session-' || id)::bytea), '192.0.2.1', repeat('u', 110), expires_at,
    expires_at, expires_at, expires_at FROM expired RETURNING id, family, expires_at)
INSERT INTO refresh_tokens (digest, family, session, expires_at)
    SELECT sha256(('token-' || family)::bytea), family, id, expires_at FROM ended;
CHECKPOINT;
