"""A declaration stands for its policies and grants, to the letter; a wrong one is refused."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import ARRAY, Column, Integer, MetaData, Table, Text, Uuid, bindparam, func, select

from shared_lib.tables import (
    Grant,
    Isolation,
    Kind,
    Policy,
    Predicate,
    Statement,
    actor_table,
    declared_tables,
    global_table,
    security_statements,
    tenant_table,
    user_table,
)

TENANT = "tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)"
ACTOR = "actor_id = (SELECT current_setting('app.current_actor', true)::uuid)"
PERSON = "person_id = (SELECT current_setting('app.current_person', true)::uuid)"

OWN_ROWS = f"USING ({TENANT}) WITH CHECK ({TENANT})"
ALL_ROWS = "USING (true) WITH CHECK (true)"
TRIGGER = "CREATE TRIGGER notes_history AFTER INSERT OR DELETE OR UPDATE ON public.notes"


def table(info: dict[str, Any] | None = None) -> Table:
    return Table("notes", MetaData(), Column("tenant_id", Uuid), Column("body", Text), info=info)


def test_a_tenant_table() -> None:
    notes = table(
        info=tenant_table(
            Grant("app", select=True, insert=True, update=("body",), delete=True),
            Grant("platform", select=True),
            every_row=("platform",),
            policies=(Policy("auth", Predicate.PERSON, "SELECT"),),
            history=True,
            redact=("body",),
        )
    )
    assert security_statements(notes, "shop") == [
        "ALTER TABLE notes ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE notes FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY notes_app ON notes FOR ALL TO shop_app {OWN_ROWS}",
        f"CREATE POLICY notes_platform ON notes FOR ALL TO shop_platform {ALL_ROWS}",
        f"CREATE POLICY notes_auth_select ON notes FOR SELECT TO shop_auth USING ({PERSON})",
        "GRANT SELECT, INSERT, UPDATE (body), DELETE ON notes TO shop_app",
        "GRANT SELECT ON notes TO shop_platform",
        f"{TRIGGER} FOR EACH ROW EXECUTE FUNCTION record_row_history('body')",
    ]


def test_some_columns_and_what_a_person_founded() -> None:
    notes = table(
        info=tenant_table(
            Grant("app", select=("tenant_id", "body"), update=("body",)),
            Grant("definer", select=True, insert=True),
            policies=(Policy("definer", Predicate.FOUNDER),),
        )
    )
    founder = "founder_id::text = (SELECT current_setting('app.current_person', true))"
    founded = f"USING ({founder}) WITH CHECK ({founder})"
    assert security_statements(notes, "shop")[3:] == [
        f"CREATE POLICY notes_definer ON notes FOR ALL TO shop_definer {founded}",
        "GRANT SELECT (tenant_id, body), UPDATE (body) ON notes TO shop_app",
        "GRANT SELECT, INSERT ON notes TO shop_definer",
    ]


def test_a_user_table_and_a_global_one() -> None:
    own = security_statements(table(info=user_table(Grant("app", select=True))), "shop")
    assert f"CREATE POLICY notes_app ON notes FOR ALL TO shop_app USING ({PERSON})" in own[2]
    everybody = table(info=global_table(Grant("auth", select=True), reason="read first"))
    assert security_statements(everybody, "shop") == ["GRANT SELECT ON notes TO shop_auth"]


def test_a_table_of_actors() -> None:
    notes = table(
        info=actor_table(
            Grant("app", select=True, insert=True),
            Grant("auth", select=True),
            Grant("worker", delete=True),
            every_row=("worker",),
        )
    )
    own = f"USING ({ACTOR}) WITH CHECK ({ACTOR})"
    assert security_statements(notes, "shop") == [
        "ALTER TABLE notes ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE notes FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY notes_app ON notes FOR ALL TO shop_app {own}",
        f"CREATE POLICY notes_auth ON notes FOR ALL TO shop_auth {own}",
        f"CREATE POLICY notes_worker ON notes FOR ALL TO shop_worker {ALL_ROWS}",
        "GRANT SELECT, INSERT ON notes TO shop_app",
        "GRANT SELECT ON notes TO shop_auth",
        "GRANT DELETE ON notes TO shop_worker",
    ]


def test_a_role_reads_and_gives_the_columns_that_it_names() -> None:
    info = global_table(Grant("auth", select=("body",), insert=("tenant_id",)), reason="read first")
    assert security_statements(table(info=info), "shop") == [
        "GRANT SELECT (body), INSERT (tenant_id) ON notes TO shop_auth"
    ]


def test_wrong_declarations_are_refused() -> None:
    with pytest.raises(LookupError, match="notes is declared neither"):
        declared_tables(table().metadata)
    with pytest.raises(ValueError, match="gives its reason"):
        Isolation(Kind.GLOBAL, ())
    with pytest.raises(ValueError, match="gives its reason"):
        Isolation(Kind.TENANT, (), reason="because")
    with pytest.raises(ValueError, match="row history"):
        tenant_table(redact=("body",))


@dataclass(frozen=True, slots=True)
class Note:
    tenant_id: UUID
    body: str


def test_a_statement_binds_by_name_and_makes_rows() -> None:
    notes = table()
    found = Statement(
        select(notes.c.tenant_id, notes.c.body)
        .where(notes.c.tenant_id == bindparam("tenant_id", type_=Uuid))
        .where(notes.c.body == "fixed")
        .limit(bindparam("limit", type_=Integer)),
        Note,
    )
    assert found.names == {"tenant_id", "limit"}
    assert found.arguments({"limit": 2, "tenant_id": UUID(int=1)}) == [UUID(int=1), "fixed", 2]
    assert found.row((UUID(int=1), "text")) == Note(UUID(int=1), "text")
    with pytest.raises(KeyError):
        found.arguments({"limit": 2})


def test_lists_are_one_parameter() -> None:
    notes = table()
    listed: Statement[str] = Statement(
        select(notes.c.body).where(notes.c.body == func.any(bindparam("names", type_=ARRAY(Text))))
    )
    assert listed.arguments({"names": ["a", "b"]}) == [["a", "b"]]
    with pytest.raises(TypeError, match="ANY"):
        Statement(select(notes.c.body).where(notes.c.body.in_(["a", "b"])))
    with pytest.raises(TypeError, match="no row class"):
        listed.row(("a",))
