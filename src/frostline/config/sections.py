"""What every section of params.yaml shares: closed, frozen, strict; names and shares."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

# Entry names become file names, DVC stage names and MLflow model names: what all three allow.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
Share = Annotated[float, Field(ge=0, lt=1)]


def refuse_unknown(values: Any, known: Iterable[str]) -> Any:
    """Refuse keys that are not `known`; the error carries both, so that the nearest can be named."""
    unknown = [key for key in values if key not in set(known)] if isinstance(values, dict) else []
    if unknown:
        raise PydanticCustomError("unknown", "unknown keys", {"keys": unknown, "known": list(known)})
    return values


class Section(BaseModel):
    """A mapping of params.yaml whose keys are all known and all present."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _know_every_key(cls, values: Any) -> Any:
        """Before anything else: pydantic alone would call a mistyped key missing as well."""
        return refuse_unknown(values, cls.model_fields)
