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
# Whether who invited may still give what he gave; the platform may. One who is shut out may not.
INVITER_REACHES = """
CREATE FUNCTION public.inviter_reaches(tenant uuid, inviter uuid, given text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT inviter IS NULL OR EXISTS (
        SELECT FROM public.memberships m JOIN public.people p ON p.id = m.person_id
        WHERE m.tenant_id = tenant AND m.person_id = inviter AND m.active AND p.active
            AND (m.role = 'owner' OR (m.role = 'admin' AND given <> 'owner'))
    )
$$
"""
# As before, and an invitation whose inviter has lost what he gave counts as withdrawn.
FIND_INVITATION = """
CREATE OR REPLACE FUNCTION public.find_invitation(invitation uuid)
RETURNS TABLE (
    id uuid, tenant_id uuid, slug text, organization text, status text, email text, role text,
    expires_at timestamptz, accepted_at timestamptz, revoked_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT i.id, i.tenant_id, t.slug, t.name, t.status, i.email, i.role,
        i.expires_at, i.accepted_at,
        coalesce(
            i.revoked_at,
            CASE WHEN NOT public.inviter_reaches(i.tenant_id, i.invited_by, i.role)
                THEN i.created_at END
        )
    FROM public.invitations i JOIN public.tenants t ON t.id = i.tenant_id
    WHERE i.id = invitation
$$
"""
# As before, but the instant is nobody's to choose.
ACCEPT_INVITATION = """
CREATE FUNCTION public.accept_invitation(invitation uuid)
RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH accepted AS (
        UPDATE public.invitations i SET accepted_at = now(), accepted_by = p.id
        FROM public.people p, public.tenants t
        WHERE i.id = invitation AND i.accepted_at IS NULL AND i.revoked_at IS NULL
            AND i.expires_at > now()
            AND p.id = current_setting('app.current_person', true)::uuid
            AND p.email_normalized = i.email_normalized
            AND p.active AND p.platform_role IS NULL
            AND public.inviter_reaches(i.tenant_id, i.invited_by, i.role)
            AND t.id = i.tenant_id AND t.status = 'active'
            AND NOT EXISTS (
                SELECT FROM public.memberships m
                WHERE m.tenant_id = i.tenant_id AND m.person_id = p.id AND m.active
            )
        RETURNING i.tenant_id, p.id AS person_id, i.role
    ), joined AS (
        INSERT INTO public.memberships AS m (tenant_id, person_id, role, created_at, updated_at)
        SELECT a.tenant_id, a.person_id, a.role, now(), now() FROM accepted a
        ON CONFLICT (tenant_id, person_id) DO UPDATE SET
            role = excluded.role, active = true, version = m.version + 1,
            updated_at = excluded.updated_at
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM joined)
$$
"""
# The way back for an organization that nobody owns who can sign in: the platform invites an owner.
# What the platform or somebody else sent before ends first, and who was accepting that is waited
# for: then it shows whether there is an owner. Unless `outcome` is `invited`, the caller takes
# everything back.
INVITE_OWNER = """
CREATE FUNCTION public.invite_owner(
    tenant uuid, invitation uuid, address text,
    OUT outcome text, OUT revoked uuid[], OUT invited_at timestamptz, OUT invited_until timestamptz
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant_status text;
BEGIN
    revoked := '{}';
    invited_at := now();
    invited_until := now() + interval '7 days';
    UPDATE public.tenants t SET founded = true WHERE t.id = tenant AND t.status <> 'purged'
    RETURNING t.status INTO tenant_status;
    IF tenant_status IS NULL THEN
        outcome := 'tenant_not_found';
        RETURN;
    ELSIF tenant_status <> 'active' THEN
        outcome := 'tenant_blocked';
        RETURN;
    END IF;
    WITH ended AS (
        UPDATE public.invitations i SET revoked_at = now()
        WHERE i.tenant_id = tenant AND i.accepted_at IS NULL AND i.revoked_at IS NULL
            AND (i.invited_by IS NULL OR i.email_normalized = lower(address))
        RETURNING i.id
    )
    SELECT coalesce(array_agg(e.id), '{}') INTO revoked FROM ended e;
    IF EXISTS (
        SELECT FROM public.memberships m JOIN public.people p ON p.id = m.person_id
        WHERE m.tenant_id = tenant AND m.active AND m.role = 'owner' AND p.active
    ) THEN
        outcome := 'tenant_has_owner';
        RETURN;
    END IF;
    IF EXISTS (
        SELECT FROM public.memberships m JOIN public.people p ON p.id = m.person_id
        WHERE m.tenant_id = tenant AND m.active AND p.email_normalized = lower(address)
    ) THEN
        outcome := 'already_member';
        RETURN;
    END IF;
    INSERT INTO public.invitations (tenant_id, id, email, role, created_at, expires_at)
    VALUES (tenant, invitation, address, 'owner', invited_at, invited_until);
    outcome := 'invited';
END
$$
"""
FORMER_FIND_INVITATION = """
CREATE OR REPLACE FUNCTION public.find_invitation(invitation uuid)
RETURNS TABLE (
    id uuid, tenant_id uuid, slug text, organization text, status text, email text, role text,
    expires_at timestamptz, accepted_at timestamptz, revoked_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT i.id, i.tenant_id, t.slug, t.name, t.status, i.email, i.role,
        i.expires_at, i.accepted_at, i.revoked_at
    FROM public.invitations i JOIN public.tenants t ON t.id = i.tenant_id
    WHERE i.id = invitation
$$
"""
FORMER_ACCEPT_INVITATION = """
CREATE FUNCTION public.accept_invitation(invitation uuid, accepting_at timestamptz)
RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH accepted AS (
        UPDATE public.invitations i SET accepted_at = accepting_at, accepted_by = p.id
        FROM public.people p, public.tenants t
        WHERE i.id = invitation AND i.accepted_at IS NULL AND i.revoked_at IS NULL
            AND i.expires_at > accepting_at
            AND p.id = current_setting('app.current_person', true)::uuid
            AND p.email_normalized = i.email_normalized
            AND p.active AND p.platform_role IS NULL
            AND t.id = i.tenant_id AND t.status = 'active'
            AND NOT EXISTS (
                SELECT FROM public.memberships m
                WHERE m.tenant_id = i.tenant_id AND m.person_id = p.id AND m.active
            )
        RETURNING i.tenant_id, p.id AS person_id, i.role
    ), joined AS (
        INSERT INTO public.memberships AS m (tenant_id, person_id, role, created_at, updated_at)
        SELECT a.tenant_id, a.person_id, a.role, accepting_at, accepting_at FROM accepted a
        ON CONFLICT (tenant_id, person_id) DO UPDATE SET
            role = excluded.role, active = true, version = m.version + 1,
            updated_at = excluded.updated_at
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM joined)
$$
"""
DEFINED = (
    HOLD_ACTIVE_OWNERS,
    SOLELY_OWNED,
    INVITER_REACHES,
    FIND_INVITATION,
    ACCEPT_INVITATION,
    INVITE_OWNER,
)
# Called by the others alone.
INNER = "FUNCTION public.inviter_reaches(uuid, uuid, text)"
FORMER_ACCEPT = "FUNCTION public.accept_invitation(uuid, timestamptz)"
EXECUTED = (
    ("FUNCTION public.hold_active_owners()", "identity_app"),
    ("FUNCTION public.solely_owned(uuid)", "identity_platform"),
    ("FUNCTION public.accept_invitation(uuid)", "identity_auth"),
    ("FUNCTION public.invite_owner(uuid, uuid, text)", "identity_platform"),
)


def upgrade() -> None:
    op.execute('GRANT SELECT, UPDATE (updated_at) ON people TO identity_definer')
    op.execute('GRANT SELECT (id, slug, name, status), UPDATE (founded) ON tenants TO identity_definer')
    op.execute('GRANT SELECT, INSERT (tenant_id, id, email, role, created_at, expires_at), UPDATE (accepted_at, accepted_by, revoked_at) ON invitations TO identity_definer')
    op.execute("SET LOCAL ROLE identity_definer")
    op.execute("DROP FUNCTION public.accept_invitation(uuid, timestamptz)")
    for definition in DEFINED:
        op.execute(definition)
    op.execute(f"REVOKE ALL ON {INNER} FROM PUBLIC")
    for routine, roles in EXECUTED:
        op.execute(f"REVOKE ALL ON {routine} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON {routine} TO {roles}")
    op.execute("SET LOCAL ROLE identity_owner")


def downgrade() -> None:
    op.execute("SET LOCAL ROLE identity_definer")
    for routine, _ in EXECUTED:
        op.execute(f"DROP {routine}")
    op.execute(FORMER_FIND_INVITATION)
    op.execute(f"DROP {INNER}")
    op.execute(FORMER_ACCEPT_INVITATION)
    op.execute(f"REVOKE ALL ON {FORMER_ACCEPT} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON {FORMER_ACCEPT} TO identity_auth")
    op.execute("SET LOCAL ROLE identity_owner")
    op.execute('REVOKE INSERT (tenant_id, id, email, role, created_at, expires_at), UPDATE (revoked_at) ON invitations FROM identity_definer')
    op.execute('REVOKE UPDATE (founded) ON tenants FROM identity_definer')
    op.execute('REVOKE UPDATE (updated_at) ON people FROM identity_definer')
