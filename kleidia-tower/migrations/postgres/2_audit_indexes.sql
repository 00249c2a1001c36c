-- Indexes with which each audit query follows one. They replace two others, so a record is in as many
-- as before. On a large log, create them before nodes are replaced: see docs/deployment.md.
--
-- `CREATE INDEX IF NOT EXISTS` locks the table even if the index exists, so it is asked first. An
-- index that could not be finished exists, too, but serves no query.
--
-- Records are almost in the order of time: the few that are not are found by both columns of the
-- second index. A condition on `sequence + 0` can use no other index. After old records were
-- detached, it has to be built again.
DO $$
BEGIN
    IF to_regclass('audit_of_kind_and_outcome') IS NULL THEN
        CREATE INDEX audit_of_kind_and_outcome ON audit (kind, outcome, sequence);
    END IF;
    IF to_regclass('audit_time') IS NULL THEN
        CREATE INDEX audit_time ON audit USING brin (at, (sequence + 0)) WITH (autosummarize = on);
    END IF;
    IF EXISTS (
        SELECT FROM pg_index WHERE NOT indisvalid
            AND indexrelid IN ('audit_of_kind_and_outcome'::regclass, 'audit_time'::regclass)
    ) THEN
        RAISE EXCEPTION 'an index of audit is invalid: drop it and create it again';
    END IF;
END $$;

-- A reader such as pg_dump holds a lock for as long as it reads, and nodes would wait behind this
-- one. Then the replaced indexes stay, which only costs what they did before.
DO $$
BEGIN
    SET LOCAL lock_timeout = '1s';
    DROP INDEX IF EXISTS audit_of_kind;
    DROP INDEX IF EXISTS audit_at;
EXCEPTION WHEN lock_not_available THEN
    RAISE NOTICE 'audit_of_kind and audit_at are left: drop them concurrently';
END $$;

UPDATE kleidia_schema SET version = 2, compatible_with = 1;
