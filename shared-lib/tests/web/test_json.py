"""What Json writes."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from asyncpg.pgproto import pgproto
from pydantic import BaseModel

from shared_lib.web import Json

ID = "01980000-0000-7000-8000-00000000abcd"


@dataclass(frozen=True, slots=True)
class Row:
    id: UUID
    at: datetime
    price: Decimal
    note: str | None = None


@pytest.mark.parametrize("kind", [UUID, pgproto.UUID])
def test_a_row_comes_out_as_the_contract_says(kind: Any) -> None:
    row = Row(kind(ID), datetime(2026, 1, 2, 3, 4, 5, 678900, UTC), Decimal("12.50"))
    response = Json([row])
    assert response.body == (
        b'[{"id":"%s","at":"2026-01-02T03:04:05.678900Z","price":"12.50","note":null}]'
        % ID.encode()
    )


def test_status_headers_and_type() -> None:
    response = Json({"a": 1}, 201, {"Location": "/x"})
    assert response.status_code == 201
    assert response.headers["content-type"] == "application/json"
    assert response.headers["content-length"] == "7"
    assert response.headers["location"] == "/x"


def test_text_is_utf8() -> None:
    assert json.loads(bytes(Json("é𝄞").body)) == "é𝄞"


def test_what_has_no_json_form_is_refused() -> None:
    class Model(BaseModel):
        secret: str = "x"

    for value in (object(), Model()):
        with pytest.raises(TypeError, match="has no JSON form"):
            Json(value)
