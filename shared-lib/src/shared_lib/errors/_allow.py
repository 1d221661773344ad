"""The methods of a resource, for the header ``Allow`` of a 405."""

import re
from collections.abc import MutableMapping
from typing import Any

from fastapi import FastAPI

_PARAMETER = re.compile(r"\\\{[^}]*\\\}")


def allowed_methods(scope: MutableMapping[str, Any]) -> str:
    """Every method that the app's document has for the path of the request (RFC 9110 section
    10.2.1), sorted; empty when it has none. A router names only those of the first route.
    """
    app = scope.get("app")
    if not isinstance(app, FastAPI):
        return ""
    methods: set[str] = set()
    for template, operations in app.openapi()["paths"].items():
        pattern = _PARAMETER.sub("[^/]+", re.escape(template))
        if re.fullmatch(pattern, scope["path"]):
            methods.update(method.upper() for method in operations)
    return ", ".join(sorted(methods))
