"""Takes the place of a service's migrations: one table, made under the owner's role."""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg


async def main() -> None:
    url = os.environ["MIGRATION_DATABASE_URL"].replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    await connection.execute(f"SET ROLE {os.environ['MIGRATION_ROLE']}")
    await connection.execute("CREATE TABLE IF NOT EXISTS starts (id int)")
    await connection.close()


if __name__ == "__main__":
    if Path("migrations-fail").exists():
        sys.exit("the revision cannot be applied")
    asyncio.run(main())
