"""Language tags, and the Unicode normalisation that all text passes."""

from lowres.languages.normalisation import matching_key, normalise
from lowres.languages.tags import Language, language

__all__ = ["Language", "language", "matching_key", "normalise"]
