"""What can be wrong, said so that the reader can mend it.

Every fault of the user's input becomes one `Problem` (where it is, what it is, what to do) and reaches the
user inside a `LowresError`, as many problems at once as could be found. Things worth saying that stop nothing are
`Finding`s: values that travel to the console and the report.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal


@dataclass(frozen=True)
class Problem:
    """One fault: the place in the user's own file, what was found there, and the remedy."""

    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.where}  {self.what}" if self.where else self.what
        return f"{text} ({self.hint})" if self.hint else text


class LowresError(Exception):
    """The user's input is at fault; carries every problem that was found."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class RecipeError(LowresError):
    """The recipe cannot be read or asks for what does not exist."""


class CardError(LowresError):
    """A data card cannot be read or contradicts itself."""


class DataError(LowresError):
    """A data file is missing, altered, or holds what its card does not promise."""


class ModelError(LowresError):
    """A base model or a finished run cannot be found or loaded."""


class PlanError(LowresError):
    """Task, base, method and machine do not fit together."""


class TrainingError(LowresError):
    """Training stopped because going on would have made things worse."""


@dataclass(frozen=True)
class Finding:
    """Something worth knowing that stops nothing."""

    level: Literal["note", "warning"]
    what: str
    where: str = ""


def nearest(word: str, possible: Iterable[str]) -> str:
    """“did you mean …?” for the closest of the possible words, or nothing."""
    close = get_close_matches(word, list(possible), n=1, cutoff=0.6)
    return f"did you mean “{close[0]}”?" if close else ""
