"""What functions with rights of their own give to a role that calls them with chosen arguments.

The service asks for members of the caller's organization only, so that a condition which is missing
here would show nowhere else; an injected SELECT asks for whom it likes.
"""

import pytest

from shared_lib.testing.postgres import Cluster
from tests.conftest import Identity
from tests.people.test_isolation import connected


@pytest.mark.parametrize(
    ("function", "column"), [("member_profile", "id"), ("find_member", "email_normalized")]
)
async def test_members_are_those_of_the_organization(
    cluster: Cluster, database_name: str, identity: Identity, function: str, column: str
) -> None:
    person, organization = await identity.make_member()
    _, other = await identity.make_member()
    argument = await identity.admin.fetchval(
        f"SELECT {column} FROM people WHERE id = $1",  # noqa: S608
        person.id,
    )
    ask = f"SELECT count(found) FROM {function}($1) AS found"  # noqa: S608
    async with connected(cluster, database_name, "identity_app") as connection:
        await connection.execute(f"SET app.current_tenant = '{organization.id}'")
        assert await connection.fetchval(ask, argument) == 1
        await connection.execute(f"SET app.current_tenant = '{other.id}'")
        assert await connection.fetchval(ask, argument) == 0
