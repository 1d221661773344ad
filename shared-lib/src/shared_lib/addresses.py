"""Addresses of electronic mail: which are taken, and how each is written."""

import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

LONGEST_ADDRESS = 254  # RFC 5321 section 4.5.3.1.3: a path of 256 with its two brackets
_LONGEST_LOCAL = 64  # RFC 5321 section 4.5.3.1.1
# RFC 5322 section 3.2.3, without quoted strings: nobody has them, and few programs send to them.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(\.{_ATOM})*")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# The last label begins with a letter: names of one label and numeric addresses are no mail domains.
_DOMAIN = re.compile(rf"({_LABEL}\.)+(?=[A-Za-z]){_LABEL}")


def checked_address(text: str) -> str:
    """`text` as an address with its domain in lower case. Raises ValueError, without the text.

    The local part keeps its spelling, which only its own domain may interpret (RFC 5321 section
    2.4); whoever compares addresses ignores the case of the whole. Only ASCII is taken: it reads
    the same to every program, and has one lower case. A domain with other characters is given as
    its A-labels (RFC 5890 section 2.3.2.1).
    """
    if not text.isascii():
        raise ValueError("must be ASCII: write a domain with other characters as xn--…")
    if len(text) > LONGEST_ADDRESS:
        raise ValueError(f"must have at most {LONGEST_ADDRESS} characters")
    local, _, domain = text.rpartition("@")
    if len(local) > _LONGEST_LOCAL or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        raise ValueError("must be one address: a name, an @ sign and a domain")
    return f"{local}@{domain.lower()}"


EmailAddress = Annotated[
    str, StringConstraints(strip_whitespace=True), AfterValidator(checked_address)
]
"""An address in the body of a request."""
