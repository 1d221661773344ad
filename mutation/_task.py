"""What one process of a run is asked to do; handed to it by the environment."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import TypeVar

__all__ = ["Task"]

_VARIABLE = "PHASEZERO_MUTATION"
Mutation = TypeVar("Mutation")


@dataclass(frozen=True)
class Task:
    """`suite` names what is mutated, `results` is the file of its verdicts.

    `sample`: how many mutations are tried, chosen by `seed`; 0 for all. `only_list`: name them and
    try none. `kinds`: those that are wanted, empty for all.
    """

    suite: str
    results: str
    sample: int = 0
    seed: str = ""
    only_list: bool = False
    kinds: tuple[str, ...] = ()

    def environment(self) -> dict[str, str]:
        """The variable that carries it."""
        return {_VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def from_environment(cls) -> "Task":
        """The task of this process. Raises KeyError when it has none."""
        return cls(**json.loads(os.environ[_VARIABLE]))

    @property
    def file(self) -> Path:
        """Where the verdicts go."""
        return Path(self.results)

    def chosen(self, mutations: list[Mutation], *, times: int = 1) -> list[Mutation]:
        """All of them, or the sample, in their order. `times` as many where each is soon tried."""
        size = self.sample * times
        if not 0 < size < len(mutations):
            return mutations
        chance = Random(f"{self.seed} {self.suite}")  # noqa: S311  to be repeated, not secret
        chosen = set(chance.sample(range(len(mutations)), size))
        return [mutation for index, mutation in enumerate(mutations) if index in chosen]
