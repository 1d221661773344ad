"""What identity declares of its operations is what the access matrix says of them."""

from app.reference import describable_app
from shared_lib.prove._matrix import MATRIX
from shared_lib.prove._matrix_declared import declared_faults

IDENTITY = "identity-service"


def declared() -> dict[str, dict[str, object]]:
    """The access of each operation, by its id."""
    return {
        described["operationId"]: described["x-access"]
        for methods in describable_app().openapi()["paths"].values()
        for described in methods.values()
    }


def test_what_is_declared_is_what_the_matrix_says() -> None:
    found = declared()
    assert set(found) == set(MATRIX[IDENTITY])
    for name, access in found.items():
        assert list(declared_faults(IDENTITY, name, access)) == []


def test_another_declaration_is_a_fault() -> None:
    access = declared()["update_member"]
    everybody = access | {"roles": ["admin", "owner", "viewer"]}
    assert list(declared_faults(IDENTITY, "update_member", everybody)) == [
        "viewer (active): expected missing_permission, the service declares let through",
        "viewer (read_only): expected missing_permission, the service declares let through",
        "viewer (blocked): expected missing_permission, the service declares tenant_blocked",
    ]
    programs = access | {"programs": True}
    who = "service account (admin)"
    assert list(declared_faults(IDENTITY, "update_member", programs)) == [
        f"{who} (active): expected missing_permission, the service declares let through",
        f"{who} (read_only): expected missing_permission, the service declares let through",
        f"{who} (blocked): expected missing_permission, the service declares tenant_blocked",
    ]
