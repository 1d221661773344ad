"""Jobs, their schedules and what workers measure; what waits to be sent becomes jobs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '2026_11_20_jobs'
down_revision = '2026_11_20_first'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('jobs',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('arguments', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('run_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('attempts', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('held_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('failure', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_jobs'))
    )
    op.create_index('ix_jobs_due', 'jobs', ['run_at'], unique=False, postgresql_where=sa.text('held_at IS NULL'))
    op.create_table('schedules',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('next_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_schedules'))
    )
    op.create_table('measurements',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('value', sa.Float(), nullable=False),
    sa.Column('measured_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_measurements'))
    )
    op.create_table('security_events',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('occurred_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('actor_id', sa.Uuid(), nullable=True),
    sa.Column('actor_role', sa.Text(), nullable=True),
    sa.Column('subject_id', sa.Uuid(), nullable=True),
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
    sa.CheckConstraint("outcome IN ('succeeded', 'refused', 'failed')", name=op.f('ck_security_events_outcome')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_security_events'))
    )
    # Before FORCE binds the owner: what waits to be sent becomes jobs, whose arguments are these.
    op.execute("""
        INSERT INTO jobs (tenant_id, id, kind, arguments, run_at)
        SELECT '00000000-0000-0000-0000-000000000001', id, 'send_revocation',
            jsonb_build_object(
                'id', id, 'what', kind, 'subject_id', subject_id, 'tenant', tenant_id,
                'not_before', not_before, 'ended_at', ended_at
            ), now()
        FROM pending_revocations
    """)
    op.drop_table('pending_revocations')
    op.execute('ALTER TABLE jobs ENABLE ROW LEVEL SECURITY')
    op.execute('ALTER TABLE jobs FORCE ROW LEVEL SECURITY')
    op.execute("CREATE POLICY jobs_app ON jobs FOR ALL TO identity_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid))")
    op.execute('CREATE POLICY jobs_worker ON jobs FOR ALL TO identity_worker USING (true) WITH CHECK (true)')
    op.execute('CREATE POLICY jobs_auth_insert ON jobs FOR INSERT TO identity_auth WITH CHECK (true)')
    op.execute('CREATE POLICY jobs_platform_insert ON jobs FOR INSERT TO identity_platform WITH CHECK (true)')
    op.execute('GRANT INSERT ON jobs TO identity_app')
    op.execute('GRANT INSERT ON jobs TO identity_auth')
    op.execute('GRANT INSERT ON jobs TO identity_platform')
    op.execute('GRANT SELECT, INSERT, UPDATE (run_at, attempts, held_at, failure), DELETE ON jobs TO identity_worker')
    op.execute('GRANT SELECT, INSERT, UPDATE (next_at) ON schedules TO identity_worker')
    op.execute('GRANT SELECT, INSERT, UPDATE (value, measured_at) ON measurements TO identity_worker')
    op.execute('ALTER TABLE security_events ENABLE ROW LEVEL SECURITY')
    op.execute('ALTER TABLE security_events FORCE ROW LEVEL SECURITY')
    op.execute("CREATE POLICY security_events_app ON security_events FOR ALL TO identity_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid))")
    op.execute('CREATE POLICY security_events_worker ON security_events FOR ALL TO identity_worker USING (true) WITH CHECK (true)')
    op.execute('CREATE POLICY security_events_auth_insert ON security_events FOR INSERT TO identity_auth WITH CHECK (true)')
    op.execute('CREATE POLICY security_events_platform_insert ON security_events FOR INSERT TO identity_platform WITH CHECK (true)')
    op.execute('GRANT INSERT ON security_events TO identity_app')
    op.execute('GRANT INSERT ON security_events TO identity_auth')
    op.execute('GRANT INSERT ON security_events TO identity_platform')
    op.execute('GRANT SELECT, INSERT, DELETE ON security_events TO identity_worker')


def downgrade() -> None:
    op.create_table('pending_revocations',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('subject_id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=True),
    sa.Column('not_before', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('attempts', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.CheckConstraint("kind IN ('session', 'person', 'membership', 'service_account')", name=op.f('ck_pending_revocations_kind')),
    sa.CheckConstraint("(kind = 'membership') = (tenant_id IS NOT NULL)", name=op.f('ck_pending_revocations_tenant_id')),
    sa.CheckConstraint("(kind = 'session') = (not_before IS NULL)", name=op.f('ck_pending_revocations_not_before')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pending_revocations'))
    )
    op.execute('GRANT INSERT ON pending_revocations TO identity_auth')
    op.execute('GRANT SELECT, UPDATE (attempts), DELETE ON pending_revocations TO identity_worker')
    op.execute("SET LOCAL row_security = off")
    op.execute("ALTER TABLE jobs NO FORCE ROW LEVEL SECURITY")
    op.execute("""
        INSERT INTO pending_revocations (id, kind, subject_id, tenant_id, not_before, ended_at)
        SELECT (arguments ->> 'id')::uuid, arguments ->> 'what', (arguments ->> 'subject_id')::uuid,
            (arguments ->> 'tenant')::uuid, (arguments ->> 'not_before')::timestamptz,
            (arguments ->> 'ended_at')::timestamptz
        FROM jobs WHERE kind = 'send_revocation' AND arguments ->> 'what' <> 'signing_key'
    """)
    op.drop_table('security_events')
    op.drop_table('measurements')
    op.drop_table('schedules')
    op.drop_index('ix_jobs_due', table_name='jobs', postgresql_where=sa.text('held_at IS NULL'))
    op.drop_table('jobs')
