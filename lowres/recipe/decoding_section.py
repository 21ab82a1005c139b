"""The section `decoding` of a recipe."""

from pydantic import Field

from lowres.recipe.section import Section

BEAMS, DECODER_BEAMS = 4, 1  # where a recipe names none: each beam of a decoder reads its whole prompt again


class Decoding(Section):
    """How translations and answers are searched for: beam search."""

    beams: int = Field(
        default=BEAMS,
        ge=1,
        le=32,
        description=f"how many beginnings are carried on side by side; 1 is greedy search, by default {BEAMS}, over a decoder "
        f"{DECODER_BEAMS}",
    )
    length_penalty: float = Field(default=1.0, ge=-5, le=5, description="above 0 favours longer translations")
    no_repeat_ngram_size: int = Field(
        default=8, ge=0, le=50, description="no sequence of so many tokens is written twice; 0 allows all"
    )
    max_length_ratio: float = Field(
        default=2.0, gt=0, le=10, description="at most so many tokens are written for each token of the source"
    )
