"""Slugs: names as they stand in links."""

import re
import unicodedata

MAX_LENGTH = 63
_SEPARATORS = re.compile(r"[^a-z0-9]+")


def slug_of(name: str) -> str:
    """`name` in lower-case ASCII words joined by hyphens, 63 characters at most.

    A name without any Latin letter or digit becomes `untitled`.
    """
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = _SEPARATORS.sub("-", ascii_name).strip("-")[:MAX_LENGTH].strip("-")
    return slug or "untitled"
