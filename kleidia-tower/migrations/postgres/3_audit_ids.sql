-- Indexes of audit records by the ids of accounts.

SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', TRUE);

-- Audit records name accounts as they were called then, so they are found by the ids. On a large log,
-- create these indexes before nodes are replaced: see docs/deployment.md and the previous migration.
DO $$
BEGIN
    IF to_regclass('audit_of_user_id') IS NULL THEN
        CREATE INDEX audit_of_user_id ON audit (user_id, sequence) WHERE user_id IS NOT NULL;
    END IF;
    IF to_regclass('audit_of_actor_id') IS NULL THEN
        CREATE INDEX audit_of_actor_id ON audit (actor_id, sequence) WHERE actor_id IS NOT NULL;
    END IF;
    IF EXISTS (
        SELECT FROM pg_index WHERE NOT indisvalid
            AND indexrelid IN ('audit_of_user_id'::regclass, 'audit_of_actor_id'::regclass)
    ) THEN
        RAISE EXCEPTION 'an index of audit is invalid: drop it and create it again';
    END IF;
END $$;

UPDATE kleidia_schema SET version = 3, compatible_with = 2;
