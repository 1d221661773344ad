"""What SQL injected into one statement could say to reach another tenant: none of it may work.

The driver sends one statement at a time by the extended protocol, so an injection is an expression
of it, or what it makes of the whole. `{tenant}` is the other organization, `{table}` has its rows.
"""

from collections.abc import Mapping

INJECTIONS: Mapping[str, str] = {
    "set_config": "SELECT set_config('app.current_tenant', '{tenant}', true)",
    "set_config for the session": "SELECT set_config('app.current_tenant', '{tenant}', false)",
    "set_config in a CTE": (
        "WITH switched AS MATERIALIZED (SELECT set_config('app.current_tenant', '{tenant}', true))"
        " SELECT count(*) FROM switched, public.{table}"
    ),
    "pg_settings": (
        "UPDATE pg_catalog.pg_settings SET setting = '{tenant}' WHERE name = 'app.current_tenant'"
    ),
    "pg_settings in a CTE": (
        "WITH switched AS (UPDATE pg_catalog.pg_settings SET setting = '{tenant}'"
        " WHERE name = 'app.current_tenant') SELECT 1"
    ),
    "query_to_xml of SET": (
        "SELECT query_to_xml('SET LOCAL app.current_tenant = ''{tenant}''', true, true, '')"
    ),
    "query_to_xml of set_config": (
        "SELECT query_to_xml('SELECT set_config(''app.current_tenant'', ''{tenant}'', true)',"
        " true, true, '')"
    ),
    "ts_stat": (
        "SELECT * FROM ts_stat('SELECT"
        " to_tsvector(set_config(''app.current_tenant'', ''{tenant}'', true))')"
    ),
    "ts_rewrite": (
        "SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery,"
        " set_config(''app.current_tenant'', ''{tenant}'', true)::tsquery')"
    ),
    "a second statement": "SELECT 1; SET LOCAL app.current_tenant = '{tenant}'",
    "a DO block": "DO $$ BEGIN SET LOCAL app.current_tenant = '{tenant}'; END $$",
    "a function of its own": (
        "CREATE FUNCTION pg_temp.switch() RETURNS integer LANGUAGE sql"
        " SET app.current_tenant = '{tenant}' AS 'SELECT 1'"
    ),
    "a table before ours": "CREATE TEMPORARY TABLE {table} (tenant_id uuid)",
    "another role": "SET LOCAL ROLE {owner}",
}
