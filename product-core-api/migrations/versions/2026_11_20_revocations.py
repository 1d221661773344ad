"""Revocations of signing keys; versions of organizations that a restore set back."""

from alembic import op

revision = '2026_11_20_revocations'
down_revision = '2026_11_20_members'
branch_labels = None
depends_on = None


# As it was, with the id of the key that signed the token among the subjects of revocations. It has a
# default, so that services of the version before go on until they are replaced.
ADMIT = """
CREATE PROCEDURE public.admit(
    is_client integer, writes integer, modes integer,
    token_tenant uuid, sid uuid, issued_at bigint{parameter}
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant uuid := nullif(current_setting('app.current_tenant', true), '')::uuid;
    person uuid := nullif(current_setting('app.current_person', true), '')::uuid;
    actor uuid := nullif(current_setting('app.current_actor', true), '')::uuid;
    session uuid := nullif(current_setting('app.support_session', true), '')::uuid;
    session_mode text;
    mode text;
BEGIN
    IF current_setting('app.admitted', true) = 'once' THEN
        RAISE EXCEPTION 'this transaction was admitted before';
    END IF;
    SET LOCAL app.admitted = 'once';

    IF (
        SELECT 1 FROM public.revocations r
        WHERE r.subject_id = ANY (ARRAY[sid, person, actor{subject}])
            AND r.tenant_id IN ('00000000-0000-0000-0000-000000000000', token_tenant)
            AND (r.not_before IS NULL OR to_timestamp(issued_at) <= r.not_before)
        LIMIT 1
    ) = 1 THEN
        RAISE EXCEPTION 'token_revoked' USING ERRCODE = 'PT401';
    END IF;
    IF session IS NOT NULL THEN
        SELECT s.mode INTO session_mode FROM public.support_sessions s
        WHERE s.id = session AND s.tenant_id = token_tenant AND s.agent_id = actor
            AND s.ended_at IS NULL AND s.expires_at > now();
        IF session_mode IS NULL THEN
            RAISE EXCEPTION 'token_revoked' USING ERRCODE = 'PT401';
        END IF;
    END IF;

    IF tenant IS NULL THEN
        RETURN;
    END IF;
    SELECT public.access_mode(
            o.status, o.trial_ends_at, o.paid,
            CASE is_client WHEN 1 THEN 'client' ELSE 'worker' END, now()
        ) INTO mode FROM public.organizations o WHERE o.tenant_id = tenant;
    IF mode IS NULL THEN
        RAISE EXCEPTION 'tenant_blocked' USING ERRCODE = 'PT403';
    END IF;
    IF session IS NOT NULL AND writes = 0 THEN
        RETURN;
    END IF;
    IF modes & (CASE mode WHEN 'active' THEN 1 WHEN 'read_only' THEN 2 ELSE 4 END) = 0 THEN
        IF mode = 'read_only' THEN
            RAISE EXCEPTION 'read_only' USING ERRCODE = 'PT423';
        END IF;
        RAISE EXCEPTION 'tenant_blocked' USING ERRCODE = 'PT403';
    END IF;
    IF session_mode = 'read_only' OR (session IS NOT NULL AND mode <> 'active') THEN
        RAISE EXCEPTION 'read_only' USING ERRCODE = 'PT423';
    END IF;
END
$$
"""

ARGUMENTS = "integer, integer, integer, uuid, uuid, bigint"
WITH_KEY = f"{ARGUMENTS}, uuid"
CHECKS = {
    'kind': (
        "kind IN ('session', 'person', 'membership', 'service_account', 'signing_key')",
        "kind IN ('session', 'person', 'membership', 'service_account')",
    ),
    'not_before': (
        "(kind IN ('session', 'signing_key')) = (not_before IS NULL)",
        "(kind = 'session') = (not_before IS NULL)",
    ),
}


def upgrade() -> None:
    op.execute('GRANT SELECT, UPDATE (version) ON organizations TO product_worker')
    for name, (now, _) in CHECKS.items():
        replace_check(name, now)
    replace_admit(
        ARGUMENTS,
        WITH_KEY,
        parameter=', signing_key uuid DEFAULT NULL',
        subject=', signing_key',
    )


def downgrade() -> None:
    op.execute('REVOKE UPDATE (version) ON organizations FROM product_worker')
    op.execute("DELETE FROM revocations WHERE kind = 'signing_key'")
    for name, (_, before) in CHECKS.items():
        replace_check(name, before)
    replace_admit(WITH_KEY, ARGUMENTS, parameter='', subject='')


def replace_check(name: str, condition: str) -> None:
    op.drop_constraint(op.f(f'ck_revocations_{name}'), 'revocations')
    op.create_check_constraint(op.f(f'ck_revocations_{name}'), 'revocations', condition)


def replace_admit(before: str, after: str, *, parameter: str, subject: str) -> None:
    op.execute("SET LOCAL ROLE product_definer")
    op.execute(f"DROP PROCEDURE public.admit({before})")
    op.execute(ADMIT.replace('{parameter}', parameter).replace('{subject}', subject))
    op.execute(f"REVOKE ALL ON PROCEDURE public.admit({after}) FROM PUBLIC")
    op.execute(
        f"GRANT EXECUTE ON PROCEDURE public.admit({after}) "
        "TO product_app, product_platform, product_worker"
    )
    op.execute("SET LOCAL ROLE product_owner")
