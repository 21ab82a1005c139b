"""What all sections of a recipe have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A part of a recipe: frozen, and without any key that is not declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


LanguageTag = Annotated[
    str, Field(pattern=r"^[a-z]{3}-[A-Z][a-z]{3}$", description="ISO 639-3 code and script, such as min-Latn")
]
Names = tuple[Annotated[str, Field(min_length=1)], ...]
