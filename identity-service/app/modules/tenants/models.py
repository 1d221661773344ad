"""The table of organizations, a copy of what the core says about them."""

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, false
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import Base
from shared_lib.tables import Grant, global_table


class Tenant(Base):
    """An organization as the core told it last; `version` is the core's, the highest is kept.

    That no two have one slug is the core's to say: its facts may arrive in any order. `founded`:
    its first owner was seen to, which happens once, whatever becomes of him later.
    """

    __tablename__ = "tenants"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str]
    name: Mapped[str]
    status: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    founded: Mapped[bool] = mapped_column(server_default=false())

    __table_args__: Any = (
        {
            "info": global_table(
                Grant("auth", select=True),
                Grant(
                    "worker",
                    select=True,
                    insert=True,
                    update=("slug", "name", "status", "version", "founded"),
                ),
                Grant(
                    "definer",
                    select=("id", "slug", "name", "status"),
                    update=("founded",),
                ),
                reason="names of organizations, shown to their members at sign-in",
            )
        },
    )
