"""The trained decoder that answers prompts, or continues texts; how it is saved and restored."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from transformers import PreTrainedTokenizerBase

from lowres.atomic import make_readable
from lowres.data.corpus import Corpus, Row
from lowres.errors import Finding, ModelError, Problem
from lowres.languages import normalise
from lowres.languages.words import words
from lowres.models.frames import Frame, TokenIds
from lowres.models.loading import load_decoder
from lowres.planning import Options, Plan
from lowres.recipe.sections import Decoding
from lowres.tasks.generation.continuation import continue_prompts
from lowres.tasks.generation.inputs import PromptInputs
from lowres.tasks.job import Form
from lowres.tasks.saved import MODEL_JSON, ModelFacts, Rows, restored, save_model
from lowres.tasks.translation.search import Generated


class WriterFacts(ModelFacts):
    """What model.json of a decoder that answers holds.

    `answers` says that it answers prompts, in the frame of its base, after `system` and with `instruction` before every prompt; else
    it continues texts. `longest` is the number of tokens of the longest answer in train.
    """

    answers: bool
    system: str
    instruction: str
    longest: int
    positions: int
    decoding: Decoding


@dataclass(frozen=True)
class Written:
    """A prompt and what the model wrote; `truncated` says that the answer reached the greatest length before its end."""

    text: str
    answer: str
    truncated: bool = False


@dataclass(frozen=True)
class Writer:
    """A trained decoder on its device."""

    model: Any
    frame: Frame
    facts: WriterFacts
    accelerator: Accelerator
    rows: Rows
    findings: tuple[Finding, ...] = ()

    @property
    def transformer(self) -> Any:
        """The decoder."""
        return self.model

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer of its texts."""
        return self.frame.tokenizer  # type: ignore[no-any-return]

    def save_head(self, folder: Path) -> None:
        """The head is the transformer's own."""

    def prompt(self, text: str) -> TokenIds:
        """The token ids that the model continues."""
        inputs = PromptInputs(self.frame, self.facts.max_length)
        if self.facts.answers:
            return inputs.prompt(lambda part: question(self.facts.instruction, part), normalise(text))
        return [*self.frame.begin, *self.frame.plain(normalise(text))[-(self.facts.max_length - 1) :]]

    def predict(self, texts: Sequence[str], *, language: str | None = None) -> list[Written]:
        """One answer, or continuation, per text, in order. Raises ModelError for a language that is not the run's."""
        if language is not None and language not in self.facts.languages:
            what = f"“{language}” is not a language of this run"
            raise ModelError(Problem("language", what, f"one of {', '.join(self.facts.languages)}"))
        prompts = [self.prompt(text) for text in texts]
        room = min(self.facts.max_length, 2 * self.facts.longest)
        most = [max(1, min(room, self.facts.positions - len(prompt))) for prompt in prompts]
        found = self.continued(prompts, most)
        return [Written(text, answer.text, answer.truncated) for text, answer in zip(texts, found, strict=True)]

    def continued(self, prompts: Sequence[TokenIds], most: Sequence[int]) -> list[Generated]:
        """What follows each prompt, of at most `most` tokens."""
        return continue_prompts(self.model, self.frame, prompts, self.facts.decoding, most, self.accelerator)

    def raw_predictions(self, inputs: Sequence[Sequence[str]]) -> list[str]:
        """The answer to each (text, language)."""
        return [found.answer for found in self.predict([text for text, _ in inputs])]

    def save(self, folder: Path) -> None:
        """Write adapter, embedding rows, tokenizer and facts: everything beside the base."""
        save_model(folder, self.facts, self.model, self.rows, self.tokenizer)
        make_readable(folder, MODEL_JSON)


def question(instruction: str, text: str) -> str:
    """What is asked: the recipe's instruction, if it has one, and the prompt."""
    return f"{instruction}\n{text}" if instruction else text


def asked_of(row: Row, answers: bool) -> tuple[str, str]:
    """The prompt of a row and what should follow it; of a plain text its first half, and the rest."""
    text = normalise(row.fields["text"])
    if answers:
        return text, row.fields["answer"]
    spans = words(text)
    middle = spans[(len(spans) + 1) // 2 - 1][1] if spans else 0
    return text[:middle], text[middle:].strip()


def predict_test(writer: Writer, plan: Plan, corpus: Corpus) -> list[Written]:
    """What the model writes for the test rows."""
    return writer.predict([asked_of(row, writer.facts.answers)[0] for row in corpus.test])


def restore(folder: Path, options: Options, form: Form = "trained") -> Writer:
    """Base, embedding rows and adapter from a run's model folder. Raises ModelError where one is missing or the base is another."""
    found = restored(folder, WriterFacts, load_decoder, options, form)
    frame = Frame(found.tokenizer, found.facts.system)
    return Writer(found.model.to(found.accelerator.device).eval(), frame, found.facts, found.accelerator, Rows(None, 0))
