"""The mutations of functions in the database: each refusal and each condition of theirs."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import asyncpg

from mutation._verdict import NotApplied

__all__ = ["Routine", "RoutineMutation", "read_routines", "routine_mutations"]

_ROUTINES = """
SELECT p.proname AS name, p.prosrc AS source, pg_get_functiondef(p.oid) AS definition
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_language l ON l.oid = p.prolang
WHERE n.nspname = 'public' AND l.lanname IN ('plpgsql', 'sql') ORDER BY p.oid::regprocedure::text
"""
_TOKEN = re.compile(r"--[^\n]*|'(?:[^']|'')*'|[A-Za-z_][\w.]*|::|<>|[<>]=|:=|\s+|.", re.DOTALL)
_BEGIN = frozenset({"WHERE", "AND", "OR", "IF", "ELSIF", "WHEN", "("})
_END = frozenset(
    {"AND", "OR", "THEN", "ORDER", "LIMIT", "GROUP", "FOR", "RETURNING", "WHEN", "ELSE", "END"}
    | {"ON", ";", ","}
)
_STATEMENTS = frozenset({"SELECT", "WITH", "INSERT", "UPDATE", "DELETE"})
_STATEMENT = re.compile(r"^[ \t]*(RAISE EXCEPTION|PERFORM|SET LOCAL)\b[^;]*;", re.MULTILINE)
_LIST = re.compile(r"ARRAY\[([^\[\]]+)\]")


@dataclass(frozen=True)
class Routine:
    """A function or procedure as it stands in the database."""

    name: str
    source: str
    definition: str


@dataclass(frozen=True)
class RoutineMutation:
    """A changed body. `what` says in words what is missing; `sql` puts it in place."""

    routine: Routine
    what: str
    sql: str


@dataclass(frozen=True)
class _Token:
    text: str
    start: int
    depth: int

    @property
    def word(self) -> str:
        return self.text.upper()


async def read_routines(connection: asyncpg.Connection) -> list[Routine]:
    """Every function of ours, whoever owns it."""
    rows = await connection.fetch(_ROUTINES)
    return [Routine(row["name"], row["source"], row["definition"]) for row in rows]


def routine_mutations(routine: Routine) -> Iterator[RoutineMutation]:
    """Every mutation of one function, in the order of its text."""
    seen: Counter[str] = Counter()
    found = sorted({*_statements(routine.source), *_conditions(routine.source)})
    for start, end, instead, what in [*found, *_elements(routine.source)]:
        seen[what] += 1
        again = f" (#{seen[what]})" if seen[what] > 1 else ""
        changed = routine.source[:start] + instead + routine.source[end:]
        sql = routine.definition.replace(routine.source, changed, 1)
        if sql == routine.definition:
            raise NotApplied(f"{routine.name} {what}")
        yield RoutineMutation(routine, f"{what}{again}", sql)


Change = tuple[int, int, str, str]


def _statements(source: str) -> Iterator[Change]:
    for found in _STATEMENT.finditer(source):
        yield found.start(), found.end(), "NULL;", f"without `{_line(found[0])}`"


def _elements(source: str) -> Iterator[Change]:
    """Of everything that is looked for at once, all but one."""
    for found in _LIST.finditer(source):
        elements = [element.strip() for element in found[1].split(",")]
        if all(element.startswith("'") for element in elements):
            continue  # names by number: without one the others are wrong, not fewer
        for index, element in enumerate(elements):
            kept = ", ".join(elements[:index] + elements[index + 1 :])
            what = f"`{_line(found[0])}` without `{element}`"
            yield found.start(1), found.end(1), kept, what


def _conditions(source: str) -> Iterator[Change]:
    """Each operand of a condition: no longer asked where all must hold, never true where one."""
    tokens = _tokens(source)
    for index, token in enumerate(tokens):
        if token.word not in _BEGIN or _is_switch(tokens, index):
            continue
        depth = token.depth + (token.text == "(")
        end = _end(tokens, index + 1, depth)
        first, after = tokens[index + 1], tokens[end]
        if end == index + 1 or first.word in _STATEMENTS:
            continue
        text = source[first.start : after.start].rstrip()
        neutral = _neutral(token.word, after.word, source[after.start :])
        if neutral:
            what = f"without the condition `{_line(text)}`"
            yield first.start, first.start + len(text), neutral, what


def _neutral(before: str, after: str, rest: str) -> str:
    """What an operand is replaced by; nothing when it is no operand."""
    if "OR" in (before, after) and "AND" not in (before, after):
        return "false"
    if before in ("WHERE", "AND") or after == "AND":
        return "true"
    if before in ("IF", "ELSIF", "WHEN") and after == "THEN":
        # Where it only raises, the raise is removed by itself.
        return "" if rest[4:].lstrip().startswith("RAISE") else "false"
    return ""


def _is_switch(tokens: Sequence[_Token], index: int) -> bool:
    """Whether a WHEN compares with the value of its CASE: then it is no condition."""
    if tokens[index].word != "WHEN":
        return False
    same = [each for each in tokens[:index] if each.depth == tokens[index].depth]
    before = [each.word for each in same]
    case = len(before) - 1 - before[::-1].index("CASE")
    return case != len(before) - 1 and before[case + 1] != "WHEN"


def _end(tokens: Sequence[_Token], start: int, depth: int) -> int:
    """Where the operand that begins at `start` is over."""
    for index, token in enumerate(tokens[start:], start):
        if token.depth < depth or (token.depth == depth and token.word in _END):
            return index
    raise ValueError("the text goes on after its end")


def _tokens(source: str) -> list[_Token]:
    """Everything but space and comments. A bracket has the depth of what is around it."""
    tokens, depth = [], 0
    for found in _TOKEN.finditer(source):
        text = found[0]
        if text.isspace() or text.startswith("--"):
            continue
        depth -= text in (")", "]")
        tokens.append(_Token(text, found.start(), depth))
        depth += text in ("(", "[")
    return [*tokens, _Token("", len(source), -1)]


def _line(text: str) -> str:
    return " ".join(text.split())
