-- An index with which queries for an outcome read little more than they return.

CREATE INDEX audit_of_kind_and_outcome ON audit (kind, outcome, sequence);
DROP INDEX audit_of_kind;

PRAGMA user_version = 2;
