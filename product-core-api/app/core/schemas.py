"""What the bodies of all resources share."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


class Body(BaseModel):
    """A JSON body: unknown fields are refused, NUL characters too (PostgreSQL has none)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def changes(self) -> dict[str, Any]:
        """The fields that were sent, for PATCH."""
        return self.model_dump(exclude_unset=True)


def _without_nul(value: str) -> str:
    if "\x00" in value:
        raise ValueError("NUL characters are not allowed")
    return value


PlainText = Annotated[str, AfterValidator(_without_nul)]
Name = Annotated[PlainText, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
ShortText = Annotated[PlainText, StringConstraints(strip_whitespace=True, max_length=500)]
Reason = Annotated[PlainText, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]


def omitted() -> Any:
    """The default of a field that PATCH may leave out but not set to null."""
    return Field(default=None, json_schema_extra=lambda schema: schema.pop("default", None))
