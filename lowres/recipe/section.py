"""What all sections of a recipe share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """Frozen, and no key that is not named here."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


LanguageTag = Annotated[
    str, Field(pattern=r"^[a-z]{3}-[A-Z][a-z]{3}$", description="ISO 639-3 code and script, such as min-Latn")
]
