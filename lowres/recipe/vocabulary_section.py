"""The section `vocabulary` of a recipe."""

from typing import Annotated, Literal

from pydantic import Field

from lowres.recipe.section import Names, Section

TrimPolicy = Literal["used", "lattice", "charset"]
Initialiser = Literal["auto", "meaning", "distil", "meaning+distil", "similarity", "mean", "random"]


class Vocabulary(Section):
    """How the base's tokenizer and embedding rows are fitted to the texts."""

    extend: Literal["auto", "off"] | Annotated[int, Field(ge=1, le=100_000)] = Field(
        default="auto",
        description="add tokens for the training text: auto finds how many pay off, if a pivot or a lexicon tells what they mean "
        "or the base cannot read the text; a number adds just so many",
    )
    replace: Annotated[int, Field(ge=100, le=500_000)] | None = Field(
        default=None,
        description="train a new tokenizer of so many tokens instead of extending the base's; rarely worth it",
    )
    initialise: Initialiser = Field(
        default="auto",
        description="how new embedding rows are initialised: from the meaning of their words (needs a pivot or lexicon), by "
        "distillation of the old segmentation (distil), …; auto measures each on dev and takes the best",
    )
    pivot: Names = Field(
        default=(),
        description="subsets of the recipe's card that translate its texts into languages that the base knows",
    )
    lexicon: str | None = Field(
        default=None,
        description="word list of two columns: a word, and its translation in a language that the base knows",
    )
    protect: Names = Field(
        default=(), description="subsets of the card, or text files, whose words should still be segmented as before"
    )
    change: float = Field(
        default=0.003, ge=0, le=1, description="largest share of these words that may be segmented differently"
    )
    protected_characters: tuple[Annotated[str, Field(min_length=1, max_length=1)], ...] = Field(
        default=(),
        description="characters that the base's normalization would replace by others and that must stay distinct, such as ʰ ʷ ª",
    )
    trim: Literal["auto", "off"] | TrimPolicy = Field(
        default="auto",
        description="prune embedding rows; kept are, with charset: tokens made of the texts' characters; lattice: substrings of "
        "the texts' words; used: only tokens that the texts use; auto: lattice for models that write, charset for encoders",
    )
