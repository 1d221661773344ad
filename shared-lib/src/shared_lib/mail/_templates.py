"""Mail templates: Jinja2 that cannot be talked into anything by the values that it is given."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, select_autoescape

_LAYOUTS = Path(__file__).parent / "layouts"
_SUBJECT = "Subject: "
_LONGEST_SUBJECT = 200
_LONGEST_NAME = 60
# What mail programs would make a link of: a dot, colon, slash or @ within a word.
_LINKING = re.compile(r"(?<=\S)([.:/@])(?=\S)")
_WORD_JOINER = "\u2060"  # not seen, and no part of an address


class Templates:
    """The mails in `directory`: of each, `<name>.txt` (first line `Subject: …`) and `<name>.html`.

    A value is one line of text, whatever it contains, and escaped in HTML; one that is missing is
    an error. Filters: `quoted` for what people wrote, `time` for instants. Both forms may use
    `base.html`, `parts.html` and `signature.txt` of this library. Raises FileNotFoundError or
    jinja2.TemplateError at once for a mail that is not whole.
    """

    def __init__(self, directory: Path) -> None:
        self._environment = Environment(
            loader=ChoiceLoader([FileSystemLoader(directory), FileSystemLoader(_LAYOUTS)]),
            undefined=StrictUndefined,
            autoescape=select_autoescape(["html"], default=False),
            finalize=_one_line,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"quoted": quoted, "time": spell_time}
        self.names = sorted(path.stem for path in directory.glob("*.txt"))
        if not self.names or {*self.names} != {path.stem for path in directory.glob("*.html")}:
            raise FileNotFoundError(f"{directory} needs a .txt and an .html of each mail")
        for name in self.names:
            self._environment.get_template(f"{name}.txt")
            self._environment.get_template(f"{name}.html")

    def render(self, name: str, /, **values: Any) -> tuple[str, str, str]:
        """Subject, text and HTML of the mail `name`.

        Raises jinja2.UndefinedError for a missing value, ValueError for a text without subject.
        """
        plain = {
            key: str(value) if isinstance(value, str) else value for key, value in values.items()
        }
        first, _, text = self._render(f"{name}.txt", plain).partition("\n")
        if not first.startswith(_SUBJECT):
            raise ValueError(f"the first line of {name}.txt must begin with {_SUBJECT!r}")
        heading = shorten(_printable(first.removeprefix(_SUBJECT)), _LONGEST_SUBJECT)
        html = self._render(f"{name}.html", {**plain, "subject": heading})
        # Nothing in a subject becomes a link.
        return heading.replace(_WORD_JOINER, ""), f"{text.strip()}\n", html

    def _render(self, file: str, values: dict[str, Any]) -> str:
        return self._environment.get_template(file).render(values)


def quoted(value: object, longest: int = _LONGEST_NAME) -> str:
    """What somebody wrote, between quotation marks, short, and nothing that becomes a link."""
    text = shorten(_printable(str(value)).replace("“", '"').replace("”", '"'), longest)
    return f"“{_LINKING.sub(_unlinked, text)}”"


def _unlinked(found: re.Match[str]) -> str:
    return f"{found[0]}{_WORD_JOINER}"


def spell_time(value: datetime) -> str:
    """An instant for people: `20 November 2026, 09:05 UTC`. Raises ValueError without a zone."""
    if value.tzinfo is None:
        raise ValueError("an instant has a zone")
    at = value.astimezone(UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def shorten(text: str, longest: int) -> str:
    """`text`, its end replaced by an ellipsis when it has more than `longest` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def _plain(value: object) -> object:
    """`value`; of a string only its text, so that nobody declares it to be HTML already."""
    return str(value) if isinstance(value, str) else value


def _one_line(value: object) -> object:
    """What `{{ … }}` writes: text on one line. What a macro wrote is HTML and stays as it is."""
    return _printable(value) if type(value) is str else value


def _printable(text: str) -> str:
    """`text` without line breaks, control, invisible and direction-changing characters."""
    kept = (
        char if char.isprintable() or char == _WORD_JOINER else " " * char.isspace()
        for char in text
    )
    return " ".join("".join(kept).split())
