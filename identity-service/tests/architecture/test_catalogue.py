"""The catalogue's rules find nothing here; that each finds its fault is shown in the core."""

import asyncpg

from app.core.models import DATABASE
from shared_lib.prove import faults_of, read_catalogue


async def test_there_is_no_fault(admin: asyncpg.Connection) -> None:
    found = faults_of(await read_catalogue(admin, DATABASE))
    del found["version"]  # the server's, not ours
    assert {name: faults for name, faults in found.items() if faults} == {}
