"""The checker of the faults notices each way in which a system could break its word."""

import pytest

from tests.faults.ledger import Answer, Found, Ledger, Outcome, Row

DONE = Answer(201, request_id="r1")
AWAY = Answer(503, "database_unavailable", "5", "r1")
UNKNOWN = Answer(503, "outcome_unknown", "5", "r1")
BROKEN = Answer()
NOTHING = Found((), ())
THERE = Found((Row("acme", "a", "1"),), ("r1",))


def ledger_of(*answers: Answer, wanted: str | None = "1") -> Ledger:
    ledger = Ledger()
    thing = ledger.thing("acme", "a")
    for answer in answers:
        ledger.note(thing, wanted, answer)
    return ledger


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ((), NOTHING),
        ((DONE,), THERE),
        ((AWAY,), NOTHING),
        ((UNKNOWN,), NOTHING),
        ((UNKNOWN,), THERE),
        ((BROKEN,), NOTHING),
        ((BROKEN,), Found(THERE.rows, ("of a request that nobody was told of",))),
        ((BROKEN, Answer(201, request_id="r2", replayed=True)), THERE),
        ((Answer(409, "request_in_progress", "1", "r1"),), NOTHING),
    ],
)
def test_what_may_be(answers: tuple[Answer, ...], found: Found) -> None:
    assert ledger_of(*answers).faults(found) == []


BROKEN_WORDS: dict[str, tuple[Ledger, Found, str]] = {
    "lost": (ledger_of(DONE), NOTHING, "a: holds nothing, should 1"),
    "lost and still in the history": (
        ledger_of(DONE),
        Found((), ("r1",)),
        "a: holds nothing, should 1",
    ),
    "another value": (
        ledger_of(DONE),
        Found((Row("acme", "a", "0"),), ("r1",)),
        "a: holds 0, should 1",
    ),
    "twice": (
        ledger_of(DONE),
        Found((Row("acme", "a", "1"), Row("acme", "a", "1")), ("r1",)),
        "a: there 2 times",
    ),
    "changed twice": (
        ledger_of(DONE),
        Found(THERE.rows, ("r1", "r1")),
        "a: DONE, and 2 changes by request r1",
    ),
    "without its history": (
        ledger_of(DONE),
        Found(THERE.rows, ()),
        "a: DONE, and 0 changes by request r1",
    ),
    "refused and there": (ledger_of(AWAY), THERE, "a: holds 1, should nothing"),
    "refused and in the history": (
        ledger_of(AWAY),
        Found((), ("r1",)),
        "a: NOT_DONE, and 1 changes by request r1",
    ),
    "in another tenant": (
        ledger_of(DONE),
        Found((Row("globex", "a", "1"),), ("r1",)),
        "a: in another tenant",
    ),
    "back after its end": (
        ledger_of(DONE, wanted=None),
        THERE,
        "a: holds 1, should nothing",
    ),
    "of nobody": (
        ledger_of(),
        Found((Row("acme", "b", "1"),), ()),
        "b: nobody asked for it",
    ),
}


@pytest.mark.parametrize("word", BROKEN_WORDS)
def test_a_broken_word_is_noticed(word: str) -> None:
    ledger, found, fault = BROKEN_WORDS[word]
    assert fault in ledger.faults(found)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, "internal_error", request_id="r1"),
        Answer(502, "bad_gateway", "5", "r1"),
        Answer(503, "database_unavailable", None, "r1"),
        Answer(503, "database_unavailable", "soon", "r1"),
        Answer(503, None, "5", "r1"),
        Answer(401, "invalid_token", request_id="r1"),
        Answer(403, "read_only", request_id="r1"),
        Answer(409, "popup_slug_taken", request_id="r1"),
        Answer(409, "request_in_progress", None, "r1"),
    ],
)
def test_an_unclear_answer_is_noticed(answer: Answer) -> None:
    [fault] = ledger_of(answer).faults(NOTHING)
    assert str(answer.status) in fault


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(DONE, {"1"}), (AWAY, {"0"}), (UNKNOWN, {"0", "1"}), (BROKEN, {"0", "1"})],
)
def test_what_a_thing_may_hold_after_a_change(answer: Answer, expected: set[str]) -> None:
    ledger = Ledger()
    thing = ledger.thing("acme", "a")
    ledger.note(thing, "0", Answer(201, request_id="r0"))
    ledger.note(thing, "1", answer)
    assert thing.possible == expected


def test_answers_are_counted() -> None:
    ledger = ledger_of(DONE, AWAY, UNKNOWN, BROKEN)
    assert ledger.total(Outcome.DONE) == ledger.total(Outcome.NOT_DONE) == 1
    assert ledger.total(Outcome.UNKNOWN) == 2
    ledger.complain("a: foreign")
    assert "a: foreign" in ledger.faults(NOTHING)
