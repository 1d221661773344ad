"""Writes the reference pages of a service: its settings, errors, operations and their access."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from shared_lib.errors import list_errors
from shared_lib.prove._matrix_declared import access_page
from shared_lib.settings import ServiceSettings, list_settings

_OURS = ("app.", "shared_lib.")
_ENTERED_BY_SUPPORT = ("user", "organization")
_NOTICE = "<!-- Written by `make docs`; a test compares. -->\n"


def reference_pages(app: FastAPI, settings: type[ServiceSettings]) -> dict[str, str]:
    """File name and text of each page of the service of `app`."""
    pages = {
        "settings": _settings_page(app.title, settings),
        "errors": _errors_page(app.title),
        "operations": _operations_page(app),
        "access": access_page(app.title, app.openapi()),
    }
    return {f"{app.title}-{name}.md": _NOTICE + text for name, text in pages.items()}


def write_reference_pages(app: FastAPI, settings: type[ServiceSettings], directory: Path) -> None:
    """Write the pages into `directory`, which exists."""
    for name, text in reference_pages(app, settings).items():
        (directory / name).write_text(text)


def _settings_page(title: str, settings: type[ServiceSettings]) -> str:
    rows = (
        (f"`{setting.variable}`", _default(setting.default), setting.description)
        for setting in list_settings(settings)
    )
    return _page(
        f"Settings of {title}",
        f"Each is read from the variable named here, else from the same name without "
        f"`{settings.service_prefix}`. A variable with that prefix that is none of these is "
        "refused at start.",
        ("variable", "default", "meaning"),
        rows,
    )


def _default(default: str | None) -> str:
    return "(required)" if default is None else f"`{default}`" if default else ""


def _errors_page(title: str) -> str:
    rows = (
        (f"`{error.code}`", str(error.status), error.title)
        for error in list_errors()
        if error.__module__.startswith(_OURS)
    )
    return _page(
        f"Error codes of {title}",
        "The code stands in `detail` of the `application/problem+json` answer and is stable.",
        ("code", "status", "for people"),
        rows,
    )


def _operations_page(app: FastAPI) -> str:
    rows = (
        (
            f"`{method.upper()} {path}`",
            access["scope"],
            ", ".join(f"`{permission}`" for permission in access["permissions"]),
            "writes" if access["writes"] else "reads",
            _modes(access),
            _support(access),
        )
        for path, methods in app.openapi()["paths"].items()
        for method, described in methods.items()
        for access in (described["x-access"],)
    )
    return _page(
        f"Operations of {app.title}",
        "Who may call what, in full: [access matrix](access-matrix.md).",
        ("operation", "scope", "permission", "", "works in access modes", "in support sessions"),
        rows,
    )


def _modes(access: Mapping[str, Any]) -> str:
    """In which an operation on an organization works, and in which others for its owners."""
    if access["scope"] != "organization":
        return ""
    owners = sorted(set(access["owner_modes"]) - set(access["modes"]))
    return ", ".join(access["modes"]) + (f"; owners: {', '.join(owners)}" if owners else "")


def _support(access: Mapping[str, Any]) -> str:
    """Whether support sessions may call an operation; nothing where nobody is asked."""
    if access["scope"] == "public":
        return ""
    return "yes" if access["support"] and access["scope"] in _ENTERED_BY_SUPPORT else "no"


def _page(
    title: str, introduction: str, header: tuple[str, ...], rows: Iterator[tuple[str, ...]]
) -> str:
    lines = [f"# {title}", "", introduction, "", _row(header), _row(("---",) * len(header))]
    return "\n".join([*lines, *map(_row, rows), ""])


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("\n", " ").replace("|", "\\|") for cell in cells) + " |"
