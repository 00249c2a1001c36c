-- The names of the accounts that exist. It takes a while for many accounts, and locks no table that nodes
-- use. An insertion that found its name in use may have left the name to an account that does not exist.

SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', TRUE);

INSERT INTO account_names SELECT name_digest, id FROM accounts
ON CONFLICT (name_digest) DO UPDATE SET "user" = excluded."user"
WHERE account_names."user" <> excluded."user";

UPDATE kleidia_schema SET version = 6, compatible_with = 2;
