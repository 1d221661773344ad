"""The methods of a resource, for the header ``Allow`` of a 405."""

import re
from collections.abc import Iterable, MutableMapping
from typing import Any

from fastapi import FastAPI

_PARAMETER = re.compile(r"\\\{[^}]*\\\}")


def allowed_methods(scope: MutableMapping[str, Any]) -> str:
    """Every method that the app's document has for the path of the request (RFC 9110 section
    10.2.1), sorted; empty when it has none. A router names only those of the first route. A path
    without parameters comes before templates that it fits too, as OpenAPI has it.
    """
    app = scope.get("app")
    if not isinstance(app, FastAPI):
        return ""
    paths = app.openapi()["paths"]
    if scope["path"] in paths:
        return _sorted(paths[scope["path"]])
    methods: set[str] = set()
    for template, operations in paths.items():
        pattern = _PARAMETER.sub("[^/]+", re.escape(template))
        if re.fullmatch(pattern, scope["path"]):
            methods.update(operations)
    return _sorted(methods)


def _sorted(methods: Iterable[str]) -> str:
    return ", ".join(sorted(method.upper() for method in methods))
