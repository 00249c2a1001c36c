-- Names of accounts change.

SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', TRUE);

-- A reader such as pg_dump holds a lock for as long as it reads. Nodes would wait behind this one, so the
-- migration fails instead. Each migration locks one table that nodes use, so it never waits for another
-- while nodes wait for it.
SET LOCAL lock_timeout = '3s';

DROP TRIGGER accounts_keep_their_names ON accounts;

UPDATE kleidia_schema SET version = 8, compatible_with = 2;
