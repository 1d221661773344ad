"""Which mutations a source file and a function of the database have."""

import ast
from pathlib import Path

import pytest

from mutation._operators import candidates, replaced
from mutation._routines import Routine, routine_mutations
from mutation._run import ROOT
from mutation._suites import SOURCES

REFUSALS = """
_REFUSED = frozenset({"a", "b"})
_ACCEPTED = frozenset({"c"})
LIMIT = 5

def accept(header, length):
    if not 0 < length <= LIMIT or header is None:
        raise ValueError("length")
    if not _REFUSED.isdisjoint(header):
        raise ValueError("header")
    return length

def is_ours(key) -> bool:
    return key.kind == "RSA" and NAME.fullmatch(key.name)

def pair(one):
    first, second = (make(one), make(one))
    return first

def faults(table) -> Iterator[str]:
    if not table.forced:
        yield "not forced"

def weak(table) -> list[str]:
    (first, [second]), third = table, ["short"]
    first, table[0, 1] = first, second
    return third

class Settings:
    def insecure(self) -> list[str]:
        weak = {"too short": self.length < 5, "too long": self.length > 9}
        return [fault for fault, present in weak.items() if present]
"""
FOUND = [
    ("", "_REFUSED without `'a'`"),
    ("", "_REFUSED without `'b'`"),
    ("accept", "without `raise ValueError('length')`"),
    ("accept", "without `raise ValueError('header')`"),
    ("accept", "of `0 < length <= LIMIT` only `0 < length`"),
    ("accept", "of `0 < length <= LIMIT` only `length <= LIMIT`"),
    ("accept", "`not 0 < length <= LIMIT or header is None` without `not 0 < length <= LIMIT`"),
    ("accept", "`not 0 < length <= LIMIT or header is None` without `header is None`"),
    ("is_ours", "`NAME.match` for `NAME.fullmatch`"),
    ("faults", "without `yield 'not forced'`"),
    ("weak", "without `['short']`"),
    ("Settings.insecure", "without `'too short'`"),
    ("Settings.insecure", "without `'too long'`"),
]


@pytest.mark.parametrize(("function", "what"), FOUND)
def test_every_refusal_of_a_source_file_is_one(function: str, what: str) -> None:
    found = [(each.function, each.what) for each in candidates(ast.parse(REFUSALS))]
    assert (function, what) in found
    assert len(found) == len(set(found))


def test_what_is_accepted_is_no_refusal() -> None:
    found = [each.what for each in candidates(ast.parse(REFUSALS))]
    assert not [what for what in found if "_ACCEPTED" in what or "return length" in what]
    assert "without `fault`" not in found


def places() -> list[Path]:
    """The files that are mutated, without their suffix."""
    roots = {"shared_lib": ROOT / "shared-lib" / "src"}
    return [
        roots.get(module.partition(".")[0], ROOT / suite.directory).joinpath(*module.split("."))
        for suite in SOURCES.values()
        for module in suite.modules
    ]


@pytest.mark.parametrize("source", [REFUSALS, *sorted(set(places()))], ids=str)
def test_every_mutation_compiles(source: str | Path) -> None:
    tree = ast.parse(
        source if isinstance(source, str) else source.with_suffix(".py").read_text(encoding="utf-8")
    )
    for each in list(candidates(tree)):
        replaced(tree, each.target, each.replacement)
        compile(tree, "mutated", "exec")
        replaced(tree, each.replacement, each.target)


def test_a_constant_is_noticed_by_what_reads_it() -> None:
    lines = {each.what: list(each.lines) for each in candidates(ast.parse(REFUSALS))}
    reading = next(n for n, line in enumerate(REFUSALS.splitlines(), 1) if "isdisjoint" in line)
    assert lines["_REFUSED without `'a'`"] == [reading]


ADMIT = """
BEGIN
    IF (
        SELECT 1 FROM revocations r -- WHERE nothing AND nothing
        WHERE r.subject_id = ANY (ARRAY[sid, person]) AND (r.until IS NULL OR r.until > now())
        LIMIT 1
    ) = 1 THEN
        RAISE EXCEPTION 'token_revoked' USING ERRCODE = 'PT401';
    END IF;
    IF mode IS NULL OR kind = 'a; b' THEN
        RAISE EXCEPTION 'tenant_blocked';
    END IF;
END
"""


def test_every_condition_of_a_routine_is_one() -> None:
    routine = Routine("admit", ADMIT, f"CREATE PROCEDURE admit() AS $${ADMIT}$$")
    found = {each.what: each.sql for each in routine_mutations(routine)}
    assert list(found) == [
        "without the condition `r.subject_id = ANY (ARRAY[sid, person])`",
        "without the condition `(r.until IS NULL OR r.until > now())`",
        "without the condition `r.until IS NULL`",
        "without the condition `r.until > now()`",
        "without `RAISE EXCEPTION 'token_revoked' USING ERRCODE = 'PT401';`",
        "without the condition `mode IS NULL`",
        "without the condition `kind = 'a; b'`",
        "without `RAISE EXCEPTION 'tenant_blocked';`",
        "`ARRAY[sid, person]` without `sid`",
        "`ARRAY[sid, person]` without `person`",
    ]
    assert "AND true\n" in found["without the condition `(r.until IS NULL OR r.until > now())`"]
    assert "IF false OR kind" in found["without the condition `mode IS NULL`"]
    assert "ARRAY[person]" in found["`ARRAY[sid, person]` without `sid`"]
    assert all(sql != routine.definition for sql in found.values())
