"""Language tags, and the Unicode normalisation that all text passes."""

from lowres.languages.keys import matching_key, strict_key
from lowres.languages.normalisation import normalise
from lowres.languages.tags import Language, language

__all__ = ["Language", "language", "matching_key", "normalise", "strict_key"]
