"""Questions and answers as the token ids that a decoder reads and writes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lowres.errors import ModelError, Problem
from lowres.languages import normalise
from lowres.models.frames import Frame, Shot, TokenIds


@dataclass(frozen=True)
class Answered:
    """The token ids of a prompt and of its answer, which ends with the end-of-turn token."""

    prompt: TokenIds
    answer: TokenIds

    @property
    def length(self) -> int:
        """Tokens of both."""
        return len(self.prompt) + len(self.answer)


@dataclass(frozen=True)
class PromptInputs:
    """Builds prompts and answers of at most `max_length` tokens each."""

    frame: Frame
    max_length: int

    def prompt(self, question: Callable[[str], str], text: str) -> TokenIds:
        """The prompt of `question(text)`; of a text that does not fit only the beginning is asked about.

        Raises ModelError where nothing of the text fits beside the question.
        """
        ids = self.frame.prompt(question(text))
        if len(ids) <= self.max_length:
            return ids
        fitting = longest_prefix(text, lambda part: len(self.frame.prompt(question(part))) <= self.max_length)
        if not fitting:
            needed = len(self.frame.prompt(question("")))
            what = f"{self.max_length} tokens are too few: the prompt around a text takes {needed}"
            raise ModelError(Problem("training.max_length", what, f"raise it to {needed + 64} or more"))
        return self.frame.prompt(question(fitting))

    def with_shots(self, question: str, shots: Sequence[Shot], room: int) -> TokenIds:
        """The prompt with as many of the examples, the last ones first, as fit into `room` tokens."""
        for first in range(len(shots) + 1):
            ids = self.frame.prompt(question, shots[first:])
            if len(ids) <= room:
                break
        return ids

    def answer(self, text: str) -> TokenIds:
        """The answer with its end token; of one that does not fit the beginning."""
        return [*self.frame.plain(normalise(text))[: self.max_length - 1], self.frame.end]

    def cut(self, text: str) -> bool:
        """Whether an answer does not fit."""
        return len(self.frame.plain(normalise(text))) > self.max_length - 1


def longest_prefix(text: str, fits: Callable[[str], bool]) -> str:
    """The longest beginning of a text that fits, at the end of a word where it has several; empty where none does."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(text[:middle].rstrip()):
            low = middle
        else:
            high = middle - 1
    part = text[:low]
    whole_words = part.rsplit(maxsplit=1)[0] if low < len(text) and not text[low].isspace() and " " in part else part
    return whole_words.rstrip()
