"""Owners who count, and what becomes of invitations whose inviter has gone."""

from alembic import op

revision = '2026_11_20_invitations_repaired'
down_revision = '2026_11_20_idempotency'
branch_labels = None
depends_on = None

# Whose account is closed owns nothing. Held, so that none of these is shut out at the same moment;
# called before memberships are locked, in the order in which grants of tokens lock.
HOLD_ACTIVE_OWNERS = """
CREATE FUNCTION public.hold_active_owners() RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.id
    FROM public.memberships m JOIN public.people p ON p.id = m.person_id
    WHERE m.tenant_id = current_setting('app.current_tenant', true)::uuid
        AND m.active AND m.role = 'owner' AND p.active
    ORDER BY p.id
    FOR SHARE OF p
$$
"""
# The organizations that somebody owns and nobody else who can sign in.
SOLELY_OWNED = """
CREATE FUNCTION public.solely_owned(person uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.tenant_id
    FROM public.memberships m JOIN public.tenants t ON t.id = m.tenant_id
    WHERE m.person_id = person AND m.active AND m.role = 'owner' AND t.status <> 'purged'
        AND NOT EXISTS (
            SELECT FROM public.memberships o JOIN public.people p ON p.id = o.person_id
            WHERE o.tenant_id = m.tenant_id AND o.person_id <> person
                AND o.active AND o.role = 'owner' AND p.active
        )
    ORDER BY m.tenant_id
$$
"""
DEFINED = (HOLD_ACTIVE_OWNERS, SOLELY_OWNED)
EXECUTED = (
    ("FUNCTION public.hold_active_owners()", "identity_app"),
    ("FUNCTION public.solely_owned(uuid)", "identity_platform"),
)


def upgrade() -> None:
    op.execute('GRANT SELECT, UPDATE (updated_at) ON people TO identity_definer')
    op.execute("SET LOCAL ROLE identity_definer")
    for definition in DEFINED:
        op.execute(definition)
    for routine, roles in EXECUTED:
        op.execute(f"REVOKE ALL ON {routine} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON {routine} TO {roles}")
    op.execute("SET LOCAL ROLE identity_owner")


def downgrade() -> None:
    op.execute("SET LOCAL ROLE identity_definer")
    for routine, _ in EXECUTED:
        op.execute(f"DROP {routine}")
    op.execute("SET LOCAL ROLE identity_owner")
    op.execute('REVOKE UPDATE (updated_at) ON people FROM identity_definer')
