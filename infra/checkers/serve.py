"""``make up`` for a checker: the same, but no developer's .env counts, so nothing leaves here."""

import os
import sys
from dataclasses import replace

from infra.dev.configuration import Configuration
from infra.dev.database import guarded
from infra.dev.up import run

if __name__ == "__main__":
    configuration = replace(Configuration.read(os.environ), dotenv={})
    sys.exit(guarded("the checkers' installation", lambda: run(configuration)))
