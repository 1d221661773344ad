"""Takes the place of a service's demo data: one row more at each start."""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg


async def main() -> None:
    url = os.environ["MIGRATION_DATABASE_URL"].replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    await connection.execute(f"SET ROLE {os.environ['MIGRATION_ROLE']}")
    await connection.execute("INSERT INTO starts VALUES (1)")
    rows = await connection.fetchval("SELECT count(*) FROM starts")
    print(f"starts: {rows}")  # noqa: T201 - the test reads it
    await connection.close()


if __name__ == "__main__":
    if "--none" in sys.argv[1:]:
        sys.exit(1 if Path("demo-is-there").exists() else 0)
    asyncio.run(main())
