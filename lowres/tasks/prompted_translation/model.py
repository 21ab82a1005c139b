"""The trained decoder that translates: a translator whose sources are prompts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lowres.data.pairs import Direction
from lowres.languages import normalise
from lowres.models.frames import Frame, TokenIds
from lowres.models.loading import load_decoder
from lowres.planning import Options
from lowres.statistical.phrases import load_phrase_tables
from lowres.tasks.generation.continuation import continue_prompts
from lowres.tasks.job import Form
from lowres.tasks.prompted_translation.inputs import TranslationPrompts
from lowres.tasks.saved import Rows, reading, restored
from lowres.tasks.translation.model import PHRASE_TABLES, Translator, TranslatorFacts
from lowres.tasks.translation.search import Generated, Hypothesis


@dataclass(frozen=True)
class PromptedTranslator(Translator):
    """A trained decoder on its device; it translates as other translators do, with prompts as its sources."""

    inputs: Any  # TranslationPrompts

    @property
    def prompts(self) -> TranslationPrompts:
        """How texts become prompts."""
        found: TranslationPrompts = self.inputs
        return found

    def write(self, sources: Sequence[TokenIds], targets: Sequence[str]) -> list[Generated]:
        """The answer to each prompt."""
        decoding = self.facts.decoding
        most = [self.prompts.most(source, decoding.max_length_ratio) for source in sources]
        return continue_prompts(self.model, self.prompts.frame, sources, decoding, most, self.accelerator)

    def hypotheses(self, text: str, direction: Direction) -> list[Hypothesis]:
        """The one translation that the search of a decoder returns."""
        text = normalise(text)
        (found,) = self.write([self.source_ids(text, *direction)], [direction[1]])
        return [Hypothesis(self.inputs.revealed(found.text, text), found.truncated, None)]


def restore(folder: Path, options: Options, form: Form = "trained") -> PromptedTranslator:
    """Base, embedding rows and adapter from a run's model folder. Raises ModelError where one is missing or the base is another."""
    found = restored(folder, TranslatorFacts, load_decoder, options, form)
    facts, accelerator = found.facts, found.accelerator
    prompts = TranslationPrompts(Frame(found.tokenizer), facts.max_length, found.checkpoint.positions)
    needed = facts.hints or facts.by_phrase_table or (folder / PHRASE_TABLES).exists()
    with reading(folder / PHRASE_TABLES):
        phrase_tables = load_phrase_tables(folder / PHRASE_TABLES) if needed else {}
    return PromptedTranslator(
        found.model.to(accelerator.device).eval(), prompts, facts, accelerator, Rows(None, 0), phrase_tables
    )
