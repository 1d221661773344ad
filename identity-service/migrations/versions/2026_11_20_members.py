"""Invitations, versions of memberships, security events; organizations in admission."""

import sqlalchemy as sa
from alembic import op

revision = '2026_11_20_members'
down_revision = '2026_11_20_jobs'
branch_labels = None
depends_on = None

# Ends the opening batch of every request of somebody who is known. It reads who calls, and for
# which organization, from the transaction's settings, which policies read too: admitted is what is
# visible. A procedure, so that no expression, and so no injected SELECT, can call it; nor does it
# run twice by mistake. scope: 1 a person's own rows, 2 an organization, 3 the platform.
# role_number: the place of the token's role in `roles`; 0 for none.
ADMIT = """
CREATE PROCEDURE public.admit(
    scope integer, sid uuid, role_number integer, issued_at bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant uuid := nullif(current_setting('app.current_tenant', true), '')::uuid;
    person uuid := nullif(current_setting('app.current_person', true), '')::uuid;
    role_named text := (ARRAY[
        'owner', 'admin', 'standard', 'viewer', 'client', 'platform_admin', 'support_agent'
    ])[role_number];
    tenant_status text;
BEGIN
    IF current_setting('app.admitted', true) = 'once' THEN
        RAISE EXCEPTION 'this transaction was admitted before';
    END IF;
    SET LOCAL app.admitted = 'once';

    IF (
        SELECT 1 FROM public.sign_in_sessions s JOIN public.people p ON p.id = s.person_id
        WHERE s.id = sid AND s.person_id = person AND s.ended_at IS NULL
            AND s.expires_at > now() AND p.active
            AND (p.tokens_not_before IS NULL OR to_timestamp(issued_at) > p.tokens_not_before)
            AND (scope <> 3 OR p.platform_role = role_named)
        LIMIT 1
    ) IS NULL THEN
        RAISE EXCEPTION 'token_revoked' USING ERRCODE = 'PT401';
    END IF;
    IF scope <> 2 THEN
        RETURN;
    END IF;
    SELECT t.status INTO tenant_status
    FROM public.memberships m JOIN public.tenants t ON t.id = m.tenant_id
    WHERE m.tenant_id = tenant AND m.person_id = person AND m.active AND m.role = role_named
        AND (m.tokens_not_before IS NULL OR to_timestamp(issued_at) > m.tokens_not_before);
    IF tenant_status IS NULL THEN
        RAISE EXCEPTION 'token_revoked' USING ERRCODE = 'PT401';
    END IF;
    IF tenant_status <> 'active' THEN
        RAISE EXCEPTION 'tenant_blocked' USING ERRCODE = 'PT403';
    END IF;
END
$$
"""
ADMIT_ARGUMENTS = "integer, uuid, integer, bigint"

# The same for one of our own services, whose token names it as the actor.
ADMIT_CLIENT = """
CREATE PROCEDURE public.admit_client()
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    client uuid := nullif(current_setting('app.current_actor', true), '')::uuid;
BEGIN
    IF current_setting('app.admitted', true) = 'once' THEN
        RAISE EXCEPTION 'this transaction was admitted before';
    END IF;
    SET LOCAL app.admitted = 'once';
    IF (
        SELECT 1 FROM public.service_accounts c WHERE c.id = client AND c.active LIMIT 1
    ) IS NULL THEN
        RAISE EXCEPTION 'token_revoked' USING ERRCODE = 'PT401';
    END IF;
END
$$
"""

# Role app reaches people through these two alone: those of the organization that it works for.
MEMBER_PROFILE = """
CREATE FUNCTION public.member_profile(person uuid)
RETURNS TABLE (email text, name text, active boolean, tokens_not_before timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.email, p.name, p.active, p.tokens_not_before
    FROM public.memberships m JOIN public.people p ON p.id = m.person_id
    WHERE m.tenant_id = current_setting('app.current_tenant', true)::uuid AND m.person_id = person
$$
"""
FIND_MEMBER = """
CREATE FUNCTION public.find_member(address text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.person_id
    FROM public.memberships m JOIN public.people p ON p.id = m.person_id
    WHERE m.tenant_id = current_setting('app.current_tenant', true)::uuid AND m.active
        AND p.email_normalized = lower(address)
$$
"""
# Whoever holds an invitation's link is nobody yet, so role auth serves him, which has no grant on
# invitations. It reads the one whose id it names: 62 random bits that the link's seal vouches for.
FIND_INVITATION = """
CREATE FUNCTION public.find_invitation(invitation uuid)
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
# All that role auth can do about memberships: let the person whom the transaction is for into the
# organization that invited his address, once, in the role that the invitation says. True when he
# was. Two at once: the second waits for the first and finds the invitation accepted.
ACCEPT_INVITATION = """
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
DEFINED = (ADMIT, ADMIT_CLIENT, MEMBER_PROFILE, FIND_MEMBER, FIND_INVITATION, ACCEPT_INVITATION)
EXECUTED = (
    (f"PROCEDURE public.admit({ADMIT_ARGUMENTS})", "identity_app, identity_auth, identity_platform"),
    ("PROCEDURE public.admit_client()", "identity_worker"),
    ("FUNCTION public.member_profile(uuid)", "identity_app"),
    ("FUNCTION public.find_member(text)", "identity_app"),
    ("FUNCTION public.find_invitation(uuid)", "identity_auth"),
    ("FUNCTION public.accept_invitation(uuid, timestamptz)", "identity_auth"),
)
# The grants let role app revoke an invitation; this keeps it from opening one again.
KEEP_ENDED_TRIGGER = """
CREATE TRIGGER invitations_keep_ended BEFORE UPDATE ON invitations FOR EACH ROW
WHEN (OLD.accepted_at IS NOT NULL OR OLD.revoked_at IS NOT NULL)
EXECUTE FUNCTION public.keep_ended()
"""

# What admission was before, for the way back.
FORMER_ADMIT = """
CREATE PROCEDURE public.admit(sid uuid, person uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (
        SELECT 1 FROM public.sign_in_sessions s JOIN public.people p ON p.id = s.person_id
        WHERE s.id = sid AND s.person_id = person AND s.ended_at IS NULL
            AND s.expires_at > now() AND p.active
        LIMIT 1
    ) IS NULL THEN
        RAISE EXCEPTION 'token_revoked' USING ERRCODE = 'PT401';
    END IF;
END
$$
"""


def upgrade() -> None:
    op.create_table('invitations',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('email', sa.Text(), nullable=False),
    sa.Column('email_normalized', sa.Text(), sa.Computed('lower(email)', persisted=True), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('invited_by', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('accepted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('accepted_by', sa.Uuid(), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("role IN ('owner', 'admin', 'standard', 'viewer', 'client')", name=op.f('ck_invitations_role')),
    sa.CheckConstraint('(accepted_at IS NULL) = (accepted_by IS NULL)', name=op.f('ck_invitations_accepted')),
    sa.CheckConstraint('accepted_at IS NULL OR revoked_at IS NULL', name=op.f('ck_invitations_ended_once')),
    sa.ForeignKeyConstraint(['accepted_by'], ['people.id'], name=op.f('fk_invitations_accepted_by')),
    sa.ForeignKeyConstraint(['invited_by'], ['people.id'], name=op.f('fk_invitations_invited_by')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_invitations_tenant_id')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_invitations'))
    )
    op.create_index('ix_invitations_id', 'invitations', ['id'], unique=False)
    op.create_index('ix_invitations_newest', 'invitations', ['tenant_id', 'created_at', 'id'], unique=False)
    op.create_index('uq_invitations_open', 'invitations', ['tenant_id', 'email_normalized'], unique=True, postgresql_where=sa.text('accepted_at IS NULL AND revoked_at IS NULL'))
    op.add_column('tenants', sa.Column('founded', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('people', sa.Column('tokens_not_before', sa.DateTime(timezone=True), nullable=True))
    op.add_column('memberships', sa.Column('version', sa.BigInteger(), server_default=sa.text('1'), nullable=False))
    op.add_column('memberships', sa.Column('tokens_not_before', sa.DateTime(timezone=True), nullable=True))
    op.create_index('ix_memberships_newest', 'memberships', ['tenant_id', 'created_at', 'person_id'], unique=False)
    op.execute('ALTER TABLE invitations ENABLE ROW LEVEL SECURITY')
    op.execute('ALTER TABLE invitations FORCE ROW LEVEL SECURITY')
    op.execute("CREATE POLICY invitations_app ON invitations FOR ALL TO identity_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid))")
    op.execute('CREATE POLICY invitations_worker ON invitations FOR ALL TO identity_worker USING (true) WITH CHECK (true)')
    op.execute('CREATE POLICY invitations_definer ON invitations FOR ALL TO identity_definer USING (true) WITH CHECK (true)')
    op.execute('GRANT SELECT, INSERT, UPDATE (revoked_at) ON invitations TO identity_app')
    op.execute('GRANT INSERT ON invitations TO identity_worker')
    op.execute('GRANT SELECT, UPDATE (accepted_at, accepted_by) ON invitations TO identity_definer')
    op.execute('GRANT SELECT, INSERT, UPDATE (slug, name, status, version, founded) ON tenants TO identity_worker')
    op.execute('GRANT SELECT (id, slug, name, status) ON tenants TO identity_definer')
    op.execute('GRANT SELECT, INSERT (id, email, name, verified_at, created_at, updated_at), UPDATE (last_tenant_id, updated_at) ON people TO identity_auth')
    op.execute('GRANT SELECT ON people TO identity_worker')
    op.execute('GRANT SELECT, INSERT, UPDATE (password_hash, updated_at) ON credentials TO identity_auth')
    op.execute('GRANT SELECT (id, active) ON service_accounts TO identity_definer')
    op.execute('CREATE POLICY memberships_worker ON memberships FOR ALL TO identity_worker USING (true) WITH CHECK (true)')
    op.execute('CREATE POLICY memberships_definer ON memberships FOR ALL TO identity_definer USING (true) WITH CHECK (true)')
    op.execute('DROP POLICY memberships_auth_select ON memberships')
    op.execute("CREATE POLICY memberships_auth ON memberships FOR ALL TO identity_auth USING (person_id = (SELECT current_setting('app.current_person', true)::uuid)) WITH CHECK (person_id = (SELECT current_setting('app.current_person', true)::uuid))")
    op.execute('GRANT SELECT, UPDATE (role, active, version, tokens_not_before, updated_at) ON memberships TO identity_app')
    op.execute('GRANT SELECT, UPDATE (updated_at) ON memberships TO identity_auth')
    op.execute('GRANT SELECT, INSERT, UPDATE (version, updated_at) ON memberships TO identity_worker')
    op.execute('GRANT SELECT, INSERT, UPDATE (role, active, version, updated_at) ON memberships TO identity_definer')
    op.execute(KEEP_ENDED_TRIGGER)
    op.execute("SET LOCAL ROLE identity_definer")
    op.execute("DROP PROCEDURE public.admit(uuid, uuid)")
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
    op.execute(FORMER_ADMIT)
    op.execute("REVOKE ALL ON PROCEDURE public.admit(uuid, uuid) FROM PUBLIC")
    op.execute(
        "GRANT EXECUTE ON PROCEDURE public.admit(uuid, uuid) "
        "TO identity_app, identity_auth, identity_platform"
    )
    op.execute("SET LOCAL ROLE identity_owner")
    op.drop_table('invitations')
    for policy in ('worker', 'definer', 'auth'):
        op.execute(f'DROP POLICY memberships_{policy} ON memberships')
    op.execute("CREATE POLICY memberships_auth_select ON memberships FOR SELECT TO identity_auth USING (person_id = (SELECT current_setting('app.current_person', true)::uuid))")
    op.execute('REVOKE UPDATE (role, active, updated_at) ON memberships FROM identity_app')
    op.execute('REVOKE UPDATE (updated_at) ON memberships FROM identity_auth')
    op.execute('REVOKE ALL ON memberships FROM identity_worker, identity_definer')
    op.execute('REVOKE SELECT (id, active) ON service_accounts FROM identity_definer')
    op.execute('REVOKE INSERT ON credentials FROM identity_auth')
    op.execute('REVOKE INSERT (id, email, name, verified_at, created_at, updated_at) ON people FROM identity_auth')
    op.execute('REVOKE ALL ON people FROM identity_worker')
    op.execute('REVOKE SELECT (id, slug, name, status) ON tenants FROM identity_definer')
    op.execute('REVOKE ALL ON tenants FROM identity_worker')
    op.drop_index('ix_memberships_newest', table_name='memberships')
    op.drop_column('memberships', 'tokens_not_before')
    op.drop_column('memberships', 'version')
    op.drop_column('people', 'tokens_not_before')
    op.drop_column('tenants', 'founded')
