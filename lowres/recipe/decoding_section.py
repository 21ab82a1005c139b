"""The section `decoding` of a recipe."""

from pydantic import Field

from lowres.recipe.section import Section


class Decoding(Section):
    """Beam search."""

    beams: int = Field(default=4, ge=1, le=32, description="beam width; 1 is greedy search")
    length_penalty: float = Field(default=1.0, ge=-5, le=5, description="above 0 favours longer translations")
    no_repeat_ngram_size: int = Field(
        default=8, ge=0, le=50, description="no sequence of so many tokens is written twice; 0 allows all"
    )
    max_length_ratio: float = Field(
        default=2.0, gt=0, le=10, description="at most so many tokens are written for each token of the source"
    )
