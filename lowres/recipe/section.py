"""What all sections of a recipe have in common."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from lowres.languages.normalisation import normalise, normalise_label


class Section(BaseModel):
    """A part of a recipe: frozen, and without any key that is not declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


DataText = Annotated[str, AfterValidator(normalise)]  # what is compared with texts of the data: in NFC, as they are
LabelText = Annotated[str, AfterValidator(normalise_label)]  # what is compared with labels of the data
LanguageTag = Annotated[
    str, Field(pattern=r"^[a-z]{3}-[A-Z][a-z]{3}$", description="ISO 639-3 code and script, such as min-Latn")
]
Names = tuple[Annotated[str, Field(min_length=1)], ...]
