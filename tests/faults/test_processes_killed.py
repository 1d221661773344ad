"""Services and workers are killed while people write: what was acknowledged arrives, once."""

import pytest

from tests.conftest import MakeSystem
from tests.faults.facts import telling
from tests.faults.ledger import Outcome
from tests.faults.writers import NO_LIMITS, writing
from tests.system import System

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def stricken(make_system: MakeSystem) -> System:
    return make_system(**NO_LIMITS)


@pytest.mark.parametrize("name", ["core", "identity", "core_worker", "identity_worker"])
def test_a_process_is_killed(stricken: System, name: str) -> None:
    process = getattr(stricken, name)
    with telling(stricken) as facts, writing(stricken) as at_work:
        at_work.wait_for_more(Outcome.DONE)
        facts.wait_for_more()
        process.kill()
        if name == "core":
            at_work.wait_for_more(Outcome.UNKNOWN)
        else:
            at_work.wait_for_more(Outcome.DONE)  # nobody needs it to write popups
        process.up()
        at_work.wait_for_more(Outcome.DONE)
        facts.wait_for_more()


def test_everything_is_killed_at_once(stricken: System) -> None:
    with telling(stricken) as facts, writing(stricken) as at_work:
        facts.wait_for_more()
        at_work.wait_for_more(Outcome.DONE)
        for process in stricken.processes:
            process.kill()
        for process in stricken.processes:
            process.up()
        at_work.wait_for_more(Outcome.DONE)
        facts.wait_for_more()
