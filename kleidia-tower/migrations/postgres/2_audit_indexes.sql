-- Indexes with which each audit query reads little more than it returns. They replace two others, so a
-- record is in as many as before. On a large log, create them before nodes are replaced: see
-- docs/deployment.md.

CREATE INDEX IF NOT EXISTS audit_of_kind_and_outcome ON audit (kind, outcome, sequence);
DROP INDEX audit_of_kind;

-- Records are almost in the order of time: the few that are not are found by both. A condition on
-- `sequence + 0` can use no other index. After old records were detached, it has to be built again.
CREATE INDEX IF NOT EXISTS audit_time ON audit USING brin (at, (sequence + 0))
    WITH (autosummarize = on);
DROP INDEX audit_at;

UPDATE kleidia_schema SET version = 2, compatible_with = 1;
