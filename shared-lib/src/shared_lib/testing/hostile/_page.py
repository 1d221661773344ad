"""The page that lists the corpus, for docs/reference."""

from itertools import groupby

from shared_lib.testing.hostile._tokens import HOSTILE_TOKENS
from shared_lib.testing.hostile._transports import HOSTILE_TRANSPORTS
from shared_lib.testing.hostile._vector import HostileToken, HostileTransport

__all__ = ["corpus_page"]


def corpus_page() -> str:
    """The page: a table of tokens and one of transports, a row for each group and clause."""
    return f"""<!-- Written by `make docs`; a test compares. -->
# Hostile tokens and transports

{len(HOSTILE_TOKENS)} tokens and {len(HOSTILE_TRANSPORTS)} ways to send one. Each is refused by \
both services with 401, a token with `invalid_token`, a transport with the code that stands beside \
it. [Tokens](../explanation/tokens.md) says why, and what is tested with them.

## Tokens

| group | demanded by | tokens |
|---|---|---|
{_token_rows()}

## Transports

| group | demanded by | code | what is sent |
|---|---|---|---|
{_transport_rows()}
"""


def _token_rows() -> str:
    def kind(vector: HostileToken) -> tuple[str, str]:
        return vector.group, vector.clause

    ordered = sorted(HOSTILE_TOKENS, key=lambda vector: vector.group)
    return "\n".join(
        f"| {group} | {clause} | {'; '.join(vector.name for vector in vectors)} |"
        for (group, clause), vectors in groupby(ordered, kind)
    )


def _transport_rows() -> str:
    def kind(vector: HostileTransport) -> tuple[str, str, str]:
        return vector.group, vector.clause, vector.code

    ordered = sorted(HOSTILE_TRANSPORTS, key=kind)
    return "\n".join(
        f"| {group} | {clause} | `{code}` | "
        f"{'; '.join(vector.name.removeprefix(group + ': ') for vector in vectors)} |"
        for (group, clause, code), vectors in groupby(ordered, kind)
    )
