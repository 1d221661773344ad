"""What one examination is, and how they are run one after the other."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, replace

import httpx

from shared_lib.checks import Check
from shared_lib.doctor._deployment import Deployment, NotLookedAt, reason_of

__all__ = ["Examination", "examination", "run"]

Look = Callable[[Deployment], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Examination:
    """One thing to look at. `look` returns a sentence for each fault, or raises NotLookedAt."""

    section: str
    name: str
    says: str
    source: str
    look: Look

    @property
    def full_name(self) -> str:
        """The name under which it is known to `--accept` and to tests: `keys.next_published`."""
        return f"{self.section}.{self.name}"


def examination(section: str, says: str, source: str) -> Callable[[Look], Examination]:
    """Make an examination of a function, under the function's name."""

    def of(look: Look) -> Examination:
        return Examination(section, getattr(look, "__name__", ""), says, source, look)

    return of


async def run(
    examinations: Iterable[Examination], deployment: Deployment, accepted: Collection[str]
) -> list[Check]:
    """Every examination, in order; whatever one raises is a fault of that one.

    Faults of those in `accepted` are told, and count as not looked at.
    """
    checks = []
    for each in examinations:
        check = await _check(each, deployment)
        if check.faults and each.full_name in accepted:
            known = "; ".join(check.faults)
            check = replace(check, faults=(), skipped=f"accepted by you: {known}")
        checks.append(check)
    return checks


async def _check(each: Examination, deployment: Deployment) -> Check:
    check = Check(each.section, each.name, each.says, source=each.source)
    try:
        return replace(check, faults=tuple(await each.look(deployment)))
    except NotLookedAt as nothing:
        return replace(check, skipped=str(nothing))
    except httpx.HTTPError as error:
        return replace(check, faults=(reason_of(error),))
    except Exception as error:  # noqa: BLE001  what a deployment answers may be anything
        return replace(check, faults=(f"it could not be looked at: {error!r}",))
