"""`phasezero keys drill`: what it prints, its exit status, and that settings are all it needs."""

from pathlib import Path
from typing import Any

import pytest

from shared_lib.testing.operator import Finished, Operator


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path, {})


async def drill(operator: Operator, *arguments: str) -> tuple[int, dict[str, Any]]:
    finished = await operator.run("keys", "drill", "--json", *arguments)
    return finished.status, finished.json()


def refusals(rehearsal: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for verifier in rehearsal["verifiers"] for each in verifier["refusals"]]


async def test_the_default_schedule_is_safe_and_no_database_is_asked(operator: Operator) -> None:
    finished: Finished = await operator.run("keys", "drill")
    assert (finished.status, finished.err) == (0, "")
    assert "660 s before it signs and 3660 s after" in finished.out
    assert finished.out.count("refuses nothing") == 5
    assert "REFUSES" not in finished.out


async def test_without_a_rule_it_says_who_refuses_and_for_how_long(operator: Operator) -> None:
    status, report = await drill(operator, "--unsafe", "no-wait", "--unsafe", "early-retire")
    assert status == 1
    live, no_wait, early = report["rehearsals"]
    assert (live["rules"], live["refused"]) == ("as set", False)
    assert (no_wait["rules"], no_wait["refused"]) == ("no-wait", True)
    by_name = {verifier["name"]: verifier for verifier in no_wait["verifiers"]}
    assert by_name["keeps a key set for max-age"]["refusals"] == [
        {"turn": turn, "why": "the key is not known yet", "seconds": 330} for turn in (1, 2, 3)
    ]
    assert {each["why"] for each in refusals(early)} == {"the key has left"}


@pytest.mark.parametrize(
    ("settings", "arguments"),
    [
        ({"IDENTITY_KEY_MARGIN": "5"}, ()),
        ({"IDENTITY_LONGEST_TOKEN": "900"}, ()),
        ({}, ("--keeps", "3600")),
        ({}, ("--skew", "90")),
    ],
)
async def test_bad_settings_and_bad_neighbours_fail(
    operator: Operator, settings: dict[str, str], arguments: tuple[str, ...]
) -> None:
    operator.settings = settings
    status, report = await drill(operator, *arguments)
    assert status == 1
    assert refusals(report["rehearsals"][0])
    finished = await operator.run("keys", "drill", *arguments)
    assert finished.status == 1
    assert "REFUSES good tokens" in finished.out


async def test_short_tokens_may_have_a_short_schedule(operator: Operator) -> None:
    operator.settings = {"IDENTITY_LONGEST_TOKEN": "900"}
    status, report = await drill(operator, "--token-life", "900")
    assert (status, refusals(report["rehearsals"][0])) == (0, [])


async def test_a_schedule_that_is_none_is_named(operator: Operator) -> None:
    operator.settings = {"IDENTITY_KEY_MARGIN": "soon"}
    finished = await operator.run("keys", "drill")
    assert finished.status == 2
    assert "IDENTITY_KEY_MARGIN" in finished.err
