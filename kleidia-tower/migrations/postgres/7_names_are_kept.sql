-- A name belongs to its first account.

SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', TRUE);

-- A reader such as pg_dump holds a lock for as long as it reads. Nodes would wait behind this one, so the
-- migration fails instead. Each migration locks one table that nodes use, so it never waits for another
-- while nodes wait for it.
SET LOCAL lock_timeout = '3s';

CREATE TRIGGER account_names_are_not_changed BEFORE UPDATE OR DELETE ON account_names
FOR EACH ROW EXECUTE FUNCTION kleidia_reject('a name belongs to its first account');
CREATE TRIGGER account_names_are_not_truncated BEFORE TRUNCATE ON account_names
EXECUTE FUNCTION kleidia_reject('a name belongs to its first account');

UPDATE kleidia_schema SET version = 7, compatible_with = 2;
