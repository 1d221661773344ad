from dataclasses import FrozenInstanceError, dataclass, field

import pytest

from shared_lib.tables._rows import row_maker


@dataclass(frozen=True, slots=True)
class Popup:
    name: str
    size: int
    slug: str


@dataclass(slots=True)
class Open:
    name: str
    size: int


@dataclass(frozen=True)
class Roomy:
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Counting:
    name: str
    size: int

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError("negative")


@dataclass(frozen=True, slots=True)
class Inherited(Popup):
    length: int = 0


@dataclass(frozen=True, slots=True)
class Partly:
    name: str
    size: int = field(init=False, default=3)


@dataclass(frozen=True, slots=True)
class Optional:
    name: str
    size: int = 3


def test_a_row_is_what_its_class_would_have_made() -> None:
    made = row_maker(Popup)(("Fair", 3, "fair"))
    assert type(made) is Popup
    assert made == Popup("Fair", 3, "fair")
    assert hash(made) == hash(Popup("Fair", 3, "fair"))
    assert repr(made) == repr(Popup("Fair", 3, "fair"))


def test_it_is_frozen() -> None:
    made = row_maker(Popup)(("Fair", 3, "fair"))
    with pytest.raises(FrozenInstanceError):
        made.name = "Other"  # type: ignore[misc]
    assert not hasattr(made, "__dict__")


def test_a_record_of_another_length_is_refused() -> None:
    with pytest.raises(TypeError):
        row_maker(Popup)(("Fair", 3))
    with pytest.raises(TypeError):
        row_maker(Popup)(("Fair", 3, "fair", 4))


@pytest.mark.parametrize("kind", [Open, Roomy, Counting])
def test_every_other_class_makes_its_own(kind: type) -> None:
    assert row_maker(kind)(("Fair", 3)) == kind("Fair", 3)


def test_a_class_that_checks_goes_on_checking() -> None:
    with pytest.raises(ValueError, match="negative"):
        row_maker(Counting)(("Fair", -1))


def test_inherited_fields_and_those_that_are_not_given() -> None:
    assert row_maker(Inherited)(("Fair", 3, "fair", 5)) == Inherited("Fair", 3, "fair", 5)
    assert row_maker(Partly)(("Fair",)) == Partly("Fair")
    assert row_maker(Optional)(("Fair",)) == Optional("Fair")


def test_anything_callable_makes_rows() -> None:
    assert row_maker(int)(("7",)) == 7
