"""The bench compares what is comparable: every contender answers as the core does."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bench import report
from bench.arena import Arena, Contender
from bench.load import put_load
from bench.rounds import in_turn, ratio
from bench.sections.profile import shares
from bench.seed import Size, write_callers
from shared_lib.testing.programs import required_program
from tests.cluster import Cluster

PATH = "/api/v1/popups"
POPUP = {"name": "Harbour Cinema", "tagline": "By the water"}
PROFILE = """\
run (a/lib/python3.11/site-packages/uvicorn/server.py:9);get (app/modules/popups/router.py:3) 3
run (a/lib/python3.11/site-packages/uvicorn/server.py:9);one (b/shared-lib/src/shared_lib/x.py:4) 6
run (a/lib/python3.11/site-packages/uvicorn/server.py:9) 1
"""


class Contest:
    """Contenders over one small database, and a caller of two organizations each."""

    def __init__(self, arena: Arena) -> None:
        place = arena.place("small", Size(2, 30))
        self.callers = arena.directory / "callers"
        write_callers(arena.cluster, place.database, arena.issuer, self.callers)
        self.contenders = [
            place.core("protected"),
            place.unprotected(),
            place.floor("by_hand"),
            place.floor("cached"),
        ]
        self.tenant, self.token, self.popup = self.callers.read_text().split("\n")[0].split()

    def ask(self, contender: Contender, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", "X-Tenant": self.tenant}
        url = f"{contender.url}{PATH}{path}"
        return httpx.request(method, url, headers=headers, timeout=60, **options)


@pytest.fixture(scope="module")
def contest(cluster: Cluster) -> Iterator[Contest]:
    with Arena(cluster) as arena:
        yield Contest(arena)


def test_every_contender_shows_the_same_popup(contest: Contest) -> None:
    answers = [contest.ask(each, "GET", f"/{contest.popup}") for each in contest.contenders]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert [answer.json() for answer in answers] == [answers[0].json()] * 4
    assert answers[0].json()["id"] == contest.popup


def test_every_contender_lists_the_same_popups(contest: Contest) -> None:
    answers = [contest.ask(each, "GET", "?cursor=&limit=20") for each in contest.contenders]
    lists = [answer.json()["results"] for answer in answers]
    assert len(lists[0]) == 20
    assert lists == [lists[0]] * 4


def test_every_contender_creates(contest: Contest) -> None:
    for contender in contest.contenders:
        body = {**POPUP, "slug": contender.name.replace("_", "-")}
        made = contest.ask(contender, "POST", "", json=body)
        assert made.status_code == 201, made.text
        assert made.json().items() >= {**body, "status": "draft"}.items()
        seen = contest.ask(contest.contenders[0], "GET", f"/{made.json()['id']}")
        assert seen.json() == made.json()


def test_only_the_unprotected_one_believes_a_header(contest: Contest) -> None:
    headers = {"X-Tenant": contest.tenant}
    statuses = {
        each.name: httpx.get(f"{each.url}{PATH}?cursor=", headers=headers).status_code
        for each in contest.contenders
    }
    assert statuses == {"protected": 401, "unprotected": 200, "by_hand": 401, "cached": 401}


@pytest.mark.parametrize("operation", ["list", "get", "create"])
def test_load_is_measured(contest: Contest, operation: str) -> None:
    required_program("wrk")
    for contender in contest.contenders:
        slice_ = put_load(contender, operation, contest.callers, 1, ())
        assert slice_.rate > 0
        assert slice_.p50 <= slice_.p99


def test_ratios_are_of_neighbours() -> None:
    values = iter(range(100))
    found = in_turn({"one": lambda: next(values), "two": lambda: next(values)}, 2)
    assert found == {"one": [3, 4], "two": [2, 5]}, "another one begins each round"
    compared = ratio([2.0, 9.0, 4.0], [1.0, 3.0, 4.0])
    assert (compared.median, compared.least, compared.greatest) == (2.0, 1.0, 3.0)


def test_a_profile_is_shared_out_by_the_innermost_frames() -> None:
    found = shares(PROFILE)
    assert found["samples"] == 10
    assert found["packages"] == {"shared_lib": 60.0, "app": 30.0, "uvicorn": 10.0}
    assert found["functions"]["shared_lib one"] == 60.0


def test_figures_are_written_between_the_markers(tmp_path: Any) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"# Bench\n\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write("new\n", page)
    assert page.read_text() == f"# Bench\n\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"
    page.write_text("# Bench\n")
    with pytest.raises(ValueError, match="no markers"):
        report.write("new\n", page)
