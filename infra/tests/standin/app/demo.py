"""Takes the place of a service's demo data: one row more at each start."""

import asyncio
import os

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
    asyncio.run(main())
