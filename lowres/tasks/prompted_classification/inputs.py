"""How a text to be classified becomes a prompt."""

from collections.abc import Sequence
from dataclasses import dataclass

from lowres.languages import normalise
from lowres.models.frames import Frame
from lowres.tasks.classification.inputs import TextInputs
from lowres.tasks.generation.inputs import PromptInputs


def question(text: str, words: Sequence[str]) -> str:
    """What the model is asked about a text."""
    return f"{text}\nWhich is it: {', '.join(words[:-1])} or {words[-1]}?"


@dataclass(frozen=True)
class LabelPrompts(TextInputs):
    """Turns texts into prompts that ask for one of `words`, in the same way in training, evaluation and use."""

    words: tuple[str, ...] = ()

    @property
    def frame(self) -> Frame:
        """The frame of its prompts."""
        return Frame(self.tokenizer)

    def token_ids(self, texts: Sequence[str], translations: Sequence[str] = ()) -> list[list[int]]:
        """The prompt of each text, of at most `max_length` tokens."""
        inputs = PromptInputs(self.frame, self.max_length)
        return [inputs.prompt(lambda part: question(part, self.words), normalise(text)) for text in texts]

    def truncated(self, texts: Sequence[str], translations: Sequence[str] = ()) -> list[bool]:
        """Whether each text does not fit into its prompt, so that its end is not read."""
        frame = self.frame
        return [len(frame.prompt(question(normalise(text), self.words))) > self.max_length for text in texts]
