"""`python -m shared_lib.testing.hostile DIRECTORY`: writes the page that lists the corpus."""

import sys
from pathlib import Path

from shared_lib.testing.hostile._page import corpus_page

if __name__ == "__main__":
    (Path(sys.argv[1]) / "hostile-tokens.md").write_text(corpus_page())
