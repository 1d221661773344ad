"""Jobs, their schedules and what workers measure."""

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
    op.execute('ALTER TABLE jobs ENABLE ROW LEVEL SECURITY')
    op.execute('ALTER TABLE jobs FORCE ROW LEVEL SECURITY')
    op.execute("CREATE POLICY jobs_app ON jobs FOR ALL TO product_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid))")
    op.execute('CREATE POLICY jobs_worker ON jobs FOR ALL TO product_worker USING (true) WITH CHECK (true)')
    op.execute('CREATE POLICY jobs_platform_insert ON jobs FOR INSERT TO product_platform WITH CHECK (true)')
    op.execute('CREATE POLICY jobs_definer_insert ON jobs FOR INSERT TO product_definer WITH CHECK (true)')
    op.execute('GRANT INSERT ON jobs TO product_app')
    op.execute('GRANT INSERT ON jobs TO product_platform')
    op.execute('GRANT INSERT ON jobs TO product_definer')
    op.execute('GRANT SELECT, INSERT, UPDATE (run_at, attempts, held_at, failure), DELETE ON jobs TO product_worker')
    op.execute('GRANT SELECT, INSERT, UPDATE (next_at) ON schedules TO product_worker')
    op.execute('GRANT SELECT, INSERT, UPDATE (value, measured_at) ON measurements TO product_worker')


def downgrade() -> None:
    op.drop_table('measurements')
    op.drop_table('schedules')
    op.drop_index('ix_jobs_due', table_name='jobs', postgresql_where=sa.text('held_at IS NULL'))
    op.drop_table('jobs')
