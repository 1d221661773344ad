"""Organizations, popups, support sessions, audit events, row history, revocations, keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '2026_11_20_first'
down_revision = None
branch_labels = None
depends_on = None


# What an organization's people may do now. The one home of this rule.
ACCESS_MODE = """
CREATE FUNCTION public.access_mode(
    status text, trial_ends_at timestamptz, paid boolean, member_kind text, at timestamptz
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN status <> 'active' THEN 'blocked'
        WHEN paid OR trial_ends_at > at THEN 'active'
        WHEN member_kind = 'client' THEN 'blocked'
        ELSE 'read_only'
    END
$$
"""

# Ends the opening batch of every request. Tenant, person, actor and support session are those of
# the transaction's settings, which policies read too: admitted is what is visible. A procedure, so
# that no expression, and so no injected SELECT, can call it; nor does it run twice by mistake.
# is_client, writes: 0 or 1. modes: 1 active + 2 read_only + 4 blocked. token_tenant: the token's
# organization, which a request that sees no organization's rows has too.
ADMIT = """
CREATE PROCEDURE public.admit(
    is_client integer, writes integer, modes integer,
    token_tenant uuid, sid uuid, issued_at bigint
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
        WHERE r.subject_id = ANY (ARRAY[sid, person, actor])
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

# Copies a changed row; its arguments are the columns that it must not copy. row_security is on
# also for a migration that works with it off.
RECORD_ROW_HISTORY = """
CREATE FUNCTION public.record_row_history() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = on AS $$
DECLARE
    before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) - coalesce(TG_ARGV::text[], '{}') END;
    after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) - coalesce(TG_ARGV::text[], '{}') END;
    kept jsonb := coalesce(after, before);
BEGIN
    INSERT INTO public.row_history (
        tenant_id, table_name, row_id, operation, changed_at,
        actor_id, support_session_id, request_id, before, after
    ) VALUES (
        (kept ->> 'tenant_id')::uuid, TG_TABLE_NAME,
        coalesce(kept ->> 'id', kept ->> 'tenant_id')::uuid, TG_OP, clock_timestamp(),
        nullif(current_setting('app.current_actor', true), '')::uuid,
        nullif(current_setting('app.support_session', true), '')::uuid,
        nullif(current_setting('app.request_id', true), ''), before, after
    );
    RETURN NULL;
END
$$
"""
# The grants let three roles set the end of a session; this keeps them from taking it back.
KEEP_ENDED = """
CREATE FUNCTION public.keep_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a support session that has ended stays ended' USING ERRCODE = '23514';
END
$$
"""
KEEP_ENDED_TRIGGER = """
CREATE TRIGGER support_sessions_keep_ended BEFORE UPDATE ON support_sessions
FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION public.keep_ended()
"""
ADMIT_ARGUMENTS = "integer, integer, integer, uuid, uuid, bigint"
ACCESS_MODE_ARGUMENTS = "text, timestamptz, boolean, text, timestamptz"


def upgrade() -> None:
    op.execute(ACCESS_MODE)
    op.execute(KEEP_ENDED)
    op.execute(
        f"GRANT EXECUTE ON FUNCTION public.access_mode({ACCESS_MODE_ARGUMENTS}) "
        "TO product_app, product_platform, product_definer"
    )
    # These two are the definer's, to whom the policies of what they read and write are given.
    op.execute("SET LOCAL ROLE product_definer")
    op.execute(ADMIT)
    op.execute(RECORD_ROW_HISTORY)
    op.execute(
        f"GRANT EXECUTE ON PROCEDURE public.admit({ADMIT_ARGUMENTS}) "
        "TO product_app, product_platform, product_worker"
    )
    op.execute("GRANT EXECUTE ON FUNCTION public.record_row_history() TO product_owner")
    op.execute("SET LOCAL ROLE product_owner")
    op.create_table('audit_events',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('occurred_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('actor_id', sa.Uuid(), nullable=True),
    sa.Column('actor_role', sa.Text(), nullable=True),
    sa.Column('subject_id', sa.Uuid(), nullable=True),
    sa.Column('support_session_id', sa.Uuid(), nullable=True),
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('resource', sa.Text(), nullable=False),
    sa.Column('resource_id', sa.Text(), nullable=True),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('client_ip', sa.Text(), nullable=False),
    sa.Column('user_agent', sa.Text(), nullable=False),
    sa.Column('request_id', sa.Text(), nullable=False),
    sa.Column('changes', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.CheckConstraint("outcome IN ('succeeded', 'refused', 'failed')", name=op.f('ck_audit_events_outcome')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_audit_events'))
    )
    op.create_index('ix_audit_events_of_actor', 'audit_events', ['actor_id', 'occurred_at', 'id'], unique=False)
    op.create_index('ix_audit_events_of_all', 'audit_events', ['occurred_at', 'id'], unique=False)
    op.create_index('ix_audit_events_newest', 'audit_events', ['tenant_id', 'occurred_at', 'id'], unique=False)
    op.create_table('organizations',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('trial_ends_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('paid', sa.Boolean(), nullable=False),
    sa.Column('support_access', sa.Text(), nullable=False),
    sa.Column('suspended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('suspension_reason', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.CheckConstraint("status IN ('active', 'suspended', 'deleting', 'purged')", name=op.f('ck_organizations_status')),
    sa.CheckConstraint("support_access IN ('off', 'read_only', 'read_write')", name=op.f('ck_organizations_support_access')),
    sa.PrimaryKeyConstraint('tenant_id', name=op.f('pk_organizations')),
    sa.UniqueConstraint('slug', name=op.f('uq_organizations_slug'))
    )
    op.create_index('ix_organizations_newest', 'organizations', ['created_at', 'tenant_id'], unique=False)
    op.create_table('revocations',
    sa.Column('subject_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('not_before', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(kind = 'session') = (not_before IS NULL)", name=op.f('ck_revocations_not_before')),
    sa.CheckConstraint("kind IN ('session', 'person', 'membership', 'service_account')", name=op.f('ck_revocations_kind')),
    sa.PrimaryKeyConstraint('subject_id', 'kind', 'tenant_id', name=op.f('pk_revocations'))
    )
    op.create_index('ix_revocations_received', 'revocations', ['received_at'], unique=False)
    op.create_table('row_history',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), server_default=sa.text('gen_random_uuid()'), nullable=False),
    sa.Column('table_name', sa.Text(), nullable=False),
    sa.Column('row_id', sa.Uuid(), nullable=False),
    sa.Column('operation', sa.Text(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('actor_id', sa.Uuid(), nullable=True),
    sa.Column('support_session_id', sa.Uuid(), nullable=True),
    sa.Column('request_id', sa.Text(), nullable=True),
    sa.Column('before', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('after', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.CheckConstraint("operation IN ('INSERT', 'UPDATE', 'DELETE')", name=op.f('ck_row_history_operation')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_row_history'))
    )
    op.create_table('stored_key_sets',
    sa.Column('id', sa.SmallInteger(), autoincrement=False, nullable=False),
    sa.Column('document', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('stored_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_stored_key_sets_only_one')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stored_key_sets'))
    )
    op.create_table('popups',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('tagline', sa.Text(), nullable=True),
    sa.Column('location', sa.Text(), nullable=True),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("status IN ('draft', 'active', 'ended', 'archived')", name=op.f('ck_popups_status')),
    sa.CheckConstraint('ends_at >= starts_at', name=op.f('ck_popups_period')),
    sa.ForeignKeyConstraint(['tenant_id'], ['organizations.tenant_id'], name=op.f('fk_popups_tenant_id')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_popups')),
    sa.UniqueConstraint('tenant_id', 'slug', name=op.f('uq_popups_tenant_id_slug'))
    )
    op.create_index('ix_popups_newest', 'popups', ['tenant_id', 'created_at', 'id'], unique=False)
    op.create_table('support_sessions',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('agent_id', sa.Uuid(), nullable=False),
    sa.Column('agent_sid', sa.Uuid(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=True),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('mode', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('ticket', sa.Text(), nullable=True),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_by', sa.Uuid(), nullable=True),
    sa.CheckConstraint("expires_at <= started_at + interval '60 minutes'", name=op.f('ck_support_sessions_length')),
    sa.CheckConstraint("mode IN ('read_only', 'read_write')", name=op.f('ck_support_sessions_mode')),
    sa.CheckConstraint('length(reason) >= 10', name=op.f('ck_support_sessions_reason')),
    sa.ForeignKeyConstraint(['tenant_id'], ['organizations.tenant_id'], name=op.f('fk_support_sessions_tenant_id')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_support_sessions'))
    )
    op.create_index('ix_support_sessions_agent', 'support_sessions', ['agent_id', 'started_at', 'id'], unique=False)
    op.create_index('ix_support_sessions_id', 'support_sessions', ['id'], unique=False)
    op.create_index('ix_support_sessions_live_sid', 'support_sessions', ['agent_sid'], unique=False, postgresql_where=sa.text('ended_at IS NULL'))
    op.create_index('ix_support_sessions_newest', 'support_sessions', ['tenant_id', 'started_at', 'id'], unique=False)
    op.execute('ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY')
    op.execute('ALTER TABLE audit_events FORCE ROW LEVEL SECURITY')
    op.execute("CREATE POLICY audit_events_app ON audit_events FOR ALL TO product_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid))")
    op.execute('CREATE POLICY audit_events_platform ON audit_events FOR ALL TO product_platform USING (true) WITH CHECK (true)')
    op.execute('CREATE POLICY audit_events_worker ON audit_events FOR ALL TO product_worker USING (true) WITH CHECK (true)')
    op.execute('GRANT SELECT, INSERT ON audit_events TO product_app')
    op.execute('GRANT SELECT, INSERT ON audit_events TO product_platform')
    op.execute('GRANT SELECT, INSERT ON audit_events TO product_worker')
    op.execute('ALTER TABLE organizations ENABLE ROW LEVEL SECURITY')
    op.execute('ALTER TABLE organizations FORCE ROW LEVEL SECURITY')
    op.execute("CREATE POLICY organizations_app ON organizations FOR ALL TO product_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid))")
    op.execute('CREATE POLICY organizations_platform ON organizations FOR ALL TO product_platform USING (true) WITH CHECK (true)')
    op.execute('CREATE POLICY organizations_worker ON organizations FOR ALL TO product_worker USING (true) WITH CHECK (true)')
    op.execute("CREATE POLICY organizations_definer_select ON organizations FOR SELECT TO product_definer USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid))")
    op.execute('GRANT SELECT, UPDATE (name, support_access, updated_at, version) ON organizations TO product_app')
    op.execute('GRANT SELECT, UPDATE (status, suspended_at, suspension_reason, updated_at, version) ON organizations TO product_platform')
    op.execute('GRANT SELECT ON organizations TO product_worker')
    op.execute('GRANT SELECT ON organizations TO product_definer')
    op.execute('CREATE TRIGGER organizations_history AFTER INSERT OR UPDATE OR DELETE ON organizations FOR EACH ROW EXECUTE FUNCTION record_row_history()')
    op.execute('GRANT SELECT, INSERT, UPDATE (not_before, ended_at, received_at), DELETE ON revocations TO product_worker')
    op.execute('GRANT SELECT ON revocations TO product_definer')
    op.execute('ALTER TABLE row_history ENABLE ROW LEVEL SECURITY')
    op.execute('ALTER TABLE row_history FORCE ROW LEVEL SECURITY')
    op.execute("CREATE POLICY row_history_app ON row_history FOR ALL TO product_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid))")
    op.execute('CREATE POLICY row_history_definer_insert ON row_history FOR INSERT TO product_definer WITH CHECK (true)')
    op.execute('GRANT SELECT ON row_history TO product_app')
    op.execute('GRANT INSERT ON row_history TO product_definer')
    op.execute('GRANT SELECT, INSERT, UPDATE (document, stored_at) ON stored_key_sets TO product_worker')
    op.execute('ALTER TABLE popups ENABLE ROW LEVEL SECURITY')
    op.execute('ALTER TABLE popups FORCE ROW LEVEL SECURITY')
    op.execute("CREATE POLICY popups_app ON popups FOR ALL TO product_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid))")
    op.execute('GRANT SELECT, INSERT, UPDATE (name, slug, tagline, location, starts_at, ends_at, status, updated_at), DELETE ON popups TO product_app')
    op.execute('CREATE TRIGGER popups_history AFTER INSERT OR UPDATE OR DELETE ON popups FOR EACH ROW EXECUTE FUNCTION record_row_history()')
    op.execute('ALTER TABLE support_sessions ENABLE ROW LEVEL SECURITY')
    op.execute('ALTER TABLE support_sessions FORCE ROW LEVEL SECURITY')
    op.execute("CREATE POLICY support_sessions_app ON support_sessions FOR ALL TO product_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid))")
    op.execute('CREATE POLICY support_sessions_platform ON support_sessions FOR ALL TO product_platform USING (true) WITH CHECK (true)')
    op.execute('CREATE POLICY support_sessions_worker ON support_sessions FOR ALL TO product_worker USING (true) WITH CHECK (true)')
    op.execute("CREATE POLICY support_sessions_definer_select ON support_sessions FOR SELECT TO product_definer USING (id = (SELECT current_setting('app.support_session', true)::uuid))")
    op.execute('GRANT SELECT, UPDATE (ended_at, ended_by) ON support_sessions TO product_app')
    op.execute('GRANT SELECT, INSERT, UPDATE (ended_at, ended_by) ON support_sessions TO product_platform')
    op.execute('GRANT SELECT, UPDATE (ended_at, ended_by) ON support_sessions TO product_worker')
    op.execute('GRANT SELECT ON support_sessions TO product_definer')
    op.execute('CREATE TRIGGER support_sessions_history AFTER INSERT OR UPDATE OR DELETE ON support_sessions FOR EACH ROW EXECUTE FUNCTION record_row_history()')
    op.execute(KEEP_ENDED_TRIGGER)


def downgrade() -> None:
    op.drop_index('ix_support_sessions_live_sid', table_name='support_sessions', postgresql_where=sa.text('ended_at IS NULL'))
    op.drop_index('ix_support_sessions_newest', table_name='support_sessions')
    op.drop_index('ix_support_sessions_id', table_name='support_sessions')
    op.drop_index('ix_support_sessions_agent', table_name='support_sessions')
    op.drop_table('support_sessions')
    op.drop_index('ix_popups_newest', table_name='popups')
    op.drop_table('popups')
    op.drop_table('stored_key_sets')
    op.drop_table('row_history')
    op.drop_index('ix_revocations_received', table_name='revocations')
    op.drop_table('revocations')
    op.drop_index('ix_organizations_newest', table_name='organizations')
    op.drop_table('organizations')
    op.drop_index('ix_audit_events_newest', table_name='audit_events')
    op.drop_index('ix_audit_events_of_all', table_name='audit_events')
    op.drop_index('ix_audit_events_of_actor', table_name='audit_events')
    op.drop_table('audit_events')
    op.execute("SET LOCAL ROLE product_definer")
    op.execute(f"DROP PROCEDURE public.admit({ADMIT_ARGUMENTS})")
    op.execute("DROP FUNCTION public.record_row_history()")
    op.execute("SET LOCAL ROLE product_owner")
    op.execute(f"DROP FUNCTION public.access_mode({ACCESS_MODE_ARGUMENTS})")
    op.execute("DROP FUNCTION public.keep_ended()")
