"""Jobs, their schedules and what workers measure; what waits to be sent becomes jobs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '2026_11_20_jobs'
down_revision = '2026_11_20_first'
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
