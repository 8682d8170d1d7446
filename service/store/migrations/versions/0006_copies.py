"""What was given out of a resource where that was less than all of it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("disclosure", sa.Column("copy", sa.LargeBinary(), nullable=True))
