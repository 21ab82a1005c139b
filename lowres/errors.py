"""Errors and findings, worded so that the user can act on them.

Every fault of the user's input becomes one `Problem` (where it is, what is wrong, what to do) and reaches the user in a `LowresError`,
together with all others that could be found. What is worth knowing but stops nothing is a `Finding`: a value that is handed on to
console, record and report.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal


@dataclass(frozen=True)
class Problem:
    """One fault: its place in the user's own file (file:line:column, or a recipe key), what is wrong, and the remedy."""

    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.where}  {self.what}" if self.where else self.what
        text = f"{text} ({self.hint})" if self.hint else text
        return " ".join(text.splitlines())  # one line, whatever texts of others it quotes


class LowresError(Exception):
    """The user's input is at fault. `problems` holds every problem that was found."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class RecipeError(LowresError):
    """The recipe cannot be read, or asks for something that does not exist."""


class CardError(LowresError):
    """A data card cannot be read or contradicts itself."""


class DataError(LowresError):
    """A data file is missing or altered, or its content is not what recipe or card say."""


class ModelError(LowresError):
    """A base model or a finished run cannot be found or loaded."""


class PlanError(LowresError):
    """Task, data, base, method and machine do not fit together."""


class TrainingError(LowresError):
    """Training cannot go on: it diverged, or its checkpoint cannot be used."""


class Interrupted(KeyboardInterrupt):
    """A run was stopped by the signal `number` (2 is Ctrl-C); the text says how it can be resumed."""

    def __init__(self, text: str, number: int = 2) -> None:
        super().__init__(text)
        self.number = number


@dataclass(frozen=True)
class Finding:
    """Something worth knowing that stops nothing: a note, or a warning. `code` is the word by which `lowres explain` knows more."""

    level: Literal["note", "warning"]
    what: str
    where: str = ""
    code: str = ""

    @property
    def told(self) -> str:
        """What is worth knowing, with the place where it does not name it already."""
        return f"{self.what} ({self.where})" if self.where and self.where not in self.what else self.what


def nearest(word: str, possible: Iterable[str]) -> str:
    """“did you mean …?” with the most similar of the possible words, or an empty text."""
    close = get_close_matches(word, list(possible), n=1, cutoff=0.6)
    return f"did you mean “{close[0]}”?" if close else ""
