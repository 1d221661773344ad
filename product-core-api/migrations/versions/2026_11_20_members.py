"""Members of organizations, as the identity service tells them."""

import sqlalchemy as sa
from alembic import op

revision = '2026_11_20_members'
down_revision = '2026_11_20_organizations'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('members',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('email', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("role IN ('owner', 'admin', 'standard', 'viewer', 'client')", name=op.f('ck_members_role')),
    sa.ForeignKeyConstraint(['tenant_id'], ['organizations.tenant_id'], name=op.f('fk_members_tenant_id')),
    sa.PrimaryKeyConstraint('tenant_id', 'person_id', name=op.f('pk_members'))
    )
    op.create_index('ix_members_role', 'members', ['tenant_id', 'role', 'person_id'], unique=False)
    op.execute('ALTER TABLE members ENABLE ROW LEVEL SECURITY')
    op.execute('ALTER TABLE members FORCE ROW LEVEL SECURITY')
    op.execute("CREATE POLICY members_app ON members FOR ALL TO product_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid))")
    op.execute('CREATE POLICY members_platform ON members FOR ALL TO product_platform USING (true) WITH CHECK (true)')
    op.execute('CREATE POLICY members_worker ON members FOR ALL TO product_worker USING (true) WITH CHECK (true)')
    op.execute('GRANT SELECT ON members TO product_app')
    op.execute('GRANT SELECT (tenant_id, active) ON members TO product_platform')
    op.execute('GRANT SELECT, INSERT, UPDATE (name, email, role, active, version, updated_at) ON members TO product_worker')


def downgrade() -> None:
    op.drop_index('ix_members_role', table_name='members')
    op.drop_table('members')
