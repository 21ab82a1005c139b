"""Languages by tag, and text in one Unicode form."""

from lowres.languages.tags import Language, language
from lowres.languages.text import comparable, normalise

__all__ = ["Language", "comparable", "language", "normalise"]
