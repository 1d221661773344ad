"""What a run says, and by which status it ends."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from mutation.__main__ import Report
from mutation._equivalent import EQUIVALENT
from mutation._task import Task
from mutation._verdict import Verdict

GOOD = Verdict("policy", "popups", "DROP POLICY popups_app ON popups", by=("rule app_is_bound",))
OTHER = replace(GOOD, where="members")
UNNOTICED = Verdict("gate", "gates", "without `raise`")
NOT_APPLIED = Verdict("gate", "gates", "without `pass`", error="is what it was")
WHERE, _, WHAT = next(iter(EQUIVALENT)).partition(": ")
SAME = Verdict("function", WHERE, WHAT)


@pytest.mark.parametrize(
    ("verdicts", "status", "said"),
    [
        ([GOOD, OTHER], 0, "100% of 2 mutations noticed"),
        ([GOOD, GOOD], 0, "100% of 1 mutations noticed"),
        ([GOOD, replace(GOOD, by=())], 0, "100% of 1 mutations noticed"),
        ([GOOD, SAME], 0, "100% of 1 mutations noticed"),
        ([GOOD, UNNOTICED], 1, "NOT NOTICED gate: gates: without `raise`"),
        ([replace(GOOD, what=str(n)) for n in range(4999)] + [UNNOTICED], 1, "99.9% of 5000"),
        ([GOOD, NOT_APPLIED], 2, "NOT TRIED gate: gates: without `pass`: is what it was"),
        ([GOOD, UNNOTICED, NOT_APPLIED], 2, "33.3% of 3 mutations noticed"),
        ([], 2, "0.0% of 0 mutations noticed"),
    ],
)
def test_the_share_and_the_status(verdicts: list[Verdict], status: int, said: str) -> None:
    report = Report(verdicts, "", 1.0)
    assert report.status == status
    assert said in report.as_text()
    assert json.loads(report.as_json())["status"] == status


def test_an_equivalent_that_is_noticed_counts_like_any_other() -> None:
    noticed = Verdict(SAME.kind, SAME.where, SAME.what, by=("rule",))
    assert "1 of     1" in Report([noticed], "", 1.0).as_text()


def test_a_sample_is_that_of_its_seed() -> None:
    everything = list(range(1000))
    one, again, other = (
        Task("suite", "", sample=5, seed=seed).chosen(everything) for seed in ("a", "a", "b")
    )
    assert one == again == sorted(one)
    assert one != other
    assert len(one) == 5
    drawn = Counter(
        each for seed in range(400) for each in Task("s", "", 5, str(seed)).chosen(everything)
    )
    assert len(drawn) > 700  # whatever there is has its day
