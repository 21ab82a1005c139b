"""A model that translates: put together, asked, saved and restored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from transformers import PreTrainedTokenizerBase

from lowres.data.corpus import Corpus, Row
from lowres.data.pairs import Pair, pairs
from lowres.errors import ModelError, Problem, nearest
from lowres.languages.placeholders import missing_placeholders
from lowres.languages.sentences import parts
from lowres.models.architectures import LanguageMarking
from lowres.models.loading import load_translator
from lowres.planning import Options, Plan
from lowres.recipe.sections import Decoding
from lowres.statistical.phrases import PhraseTable, load_phrase_tables, save_phrase_tables
from lowres.tasks.job import Form
from lowres.tasks.saved import ModelFacts, Rows, restored, save_model
from lowres.tasks.translation.hints import Hints
from lowres.tasks.translation.inputs import TranslationInputs
from lowres.tasks.translation.search import search

PHRASE_TABLES = "lexicons.json.xz"


class TranslatorFacts(ModelFacts):
    """How to put base and adapter together again, and between which languages they translate.

    `tags` gives the piece of each language; `longest` the pieces of the longest source in training: what is longer is
    translated in parts. With `hints` the model is shown what the lexicons make of a source; directions `by_lexicon` are left to
    the lexicons alone, since they did better on dev.
    """

    directions: list[tuple[str, str]]
    tags: dict[str, str]
    longest: int
    decoding: Decoding
    hints: bool
    by_phrase_table: list[tuple[str, str]] = []


@dataclass(frozen=True)
class Translated:
    """A text and its translation.

    `parts` counts the stretches that a long text was cut into; `lost` are the markup, addresses and places to fill in of the
    text that the translation lacks.
    """

    text: str
    translation: str
    source: str
    target: str
    parts: int = 1
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class Translator:
    """A model ready to translate, on the device it was loaded to."""

    model: Any
    inputs: TranslationInputs
    facts: TranslatorFacts
    accelerator: Accelerator
    rows: Rows
    phrase_tables: Mapping[tuple[str, str], PhraseTable]

    @property
    def transformer(self) -> Any:
        """The encoder-decoder."""
        return self.model

    def save_head(self, folder: Path) -> None:
        """The head is the transformer's own."""

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """What cuts its texts."""
        return self.inputs.tokenizer

    @property
    def hints(self) -> Hints | None:
        """What is shown with each source."""
        return Hints(self.phrase_tables) if self.facts.hints else None

    def predict(
        self, texts: Sequence[str], *, source: str | None = None, target: str | None = None
    ) -> list[Translated]:
        """One translation per text, in order; an empty text gives an empty translation. A long text is translated in parts.

        Languages need not be named where the model knows just one direction. Raises ModelError for a pair that it does not know.
        """
        way = self.direction(source, target)
        return self.translate(texts, [way] * len(texts))

    def translate(self, texts: Sequence[str], ways: Sequence[tuple[str, str]]) -> list[Translated]:
        """One translation per text, each in its own direction (source, target)."""
        cut = [parts(text, self.facts.longest, self.inputs.length) if text.strip() else [] for text in texts]
        asked = [(part, *way) for segments, way in zip(cut, ways, strict=True) for part in segments]
        found = {
            (part, source, target): self.phrase_tables[source, target].translate(part)
            for part, source, target in asked
            if (source, target) in self.facts.by_phrase_table
        }
        left = list(dict.fromkeys(one for one in asked if one not in found))
        sources = [self._source(*one) for one in left]
        written = search(
            self.model, self.inputs, sources, [one[2] for one in left], self.facts.decoding, self.accelerator
        )
        found |= dict(zip(left, written, strict=True))
        whole = [" ".join(found[part, *way] for part in segments) for segments, way in zip(cut, ways, strict=True)]
        return [
            Translated(text, translation, *way, len(segments), missing_placeholders(text, translation))
            for text, translation, way, segments in zip(texts, whole, ways, cut, strict=True)
        ]

    def _source(self, text: str, source: str, target: str) -> list[int]:
        hints = [self.hints.hint(text, source, target)] if self.hints else None
        return self.inputs.sources([text], source, target, hints)[0]

    def reload_answers(self, asked: Sequence[Sequence[str]]) -> list[str]:
        """What the model itself, without the lexicons' share, makes of each text in its direction."""
        found = self.by_model().translate(
            [text for text, *_ in asked], [(source, target) for _, source, target in asked]
        )
        return [one.translation for one in found]

    def by_model(self) -> "Translator":
        """The model in all directions, also where the lexicon did better."""
        return replace(self, facts=self.facts.model_copy(update={"by_phrase_table": []}))

    def greedy(self) -> "Translator":
        """The same model, which takes the likeliest piece at each place: quicker than following several translations."""
        decoding = self.facts.decoding.model_copy(update={"beams": 1})
        return replace(self, facts=self.facts.model_copy(update={"decoding": decoding}))

    def direction(self, source: str | None, target: str | None) -> tuple[str, str]:
        """The one direction that is meant. Raises ModelError where there is none, or several."""
        known = self.facts.directions
        meant = [way for way in known if source in (None, way[0]) and target in (None, way[1])]
        if len(meant) == 1:
            return meant[0]
        shown = ", ".join(f"{left}→{right}" for left, right in known[:12]) + (" …" if len(known) > 12 else "")
        for name, tag, side in (("source", source, 0), ("target", target, 1)):
            tags = list(dict.fromkeys(way[side] for way in known))
            if tag is not None and tag not in tags:
                hint = " ".join(filter(None, [nearest(tag, tags), f"one of {', '.join(tags)}"]))
                raise ModelError(
                    Problem(name, f"this run was not trained to translate {('from', 'into')[side]} {tag}", hint)
                )
        if not meant:
            raise ModelError(
                Problem("source, target", f"this run does not translate {source}→{target}", f"it knows {shown}")
            )
        raise ModelError(
            Problem("source, target", "this run knows several directions", f"name source and target: {shown}")
        )

    def save(self, folder: Path) -> None:
        """Write adapter, rows, tokenizer and facts: all that must be kept beside the base."""
        save_model(folder, self.facts, self.model, self.rows, self.inputs.tokenizer)
        if self.phrase_tables:
            save_phrase_tables(folder / PHRASE_TABLES, self.phrase_tables)


def marking_of(language_marking: LanguageMarking | None) -> LanguageMarking:
    assert language_marking is not None  # planning lets only encoder-decoders through
    return language_marking


def inputs_of(
    tokenizer: Any, model: Any, language_marking: LanguageMarking, tags: Mapping[str, str], prefix: str, max_length: int
) -> TranslationInputs:
    config = model.config
    ids = {tag: int(tokenizer.convert_tokens_to_ids(piece)) for tag, piece in tags.items()}
    end = config.eos_token_id[0] if isinstance(config.eos_token_id, list) else config.eos_token_id
    return TranslationInputs(
        tokenizer, language_marking, ids, config.decoder_start_token_id, end, config.pad_token_id, prefix, max_length
    )


def tested(plan: Plan, rows: Sequence[Row], translator: Translator) -> tuple[Pair, ...]:
    """The pairs of these rows that the recipe wants judged."""
    asked = plan.recipe.evaluation.languages
    return pairs(rows, [way for way in translator.facts.directions if not asked or set(asked) & set(way)])


def answer(translator: Translator, plan: Plan, corpus: Corpus) -> list[Translated]:
    """Translations of the test pairs' sources."""
    asked = tested(plan, corpus.test, translator)
    texts = [pair.source.fields["text"] for pair in asked]
    return translator.translate(texts, [pair.direction for pair in asked])


def restore(folder: Path, options: Options, form: Form = "trained") -> Translator:
    """Base + rows + adapter from a run's model folder. Raises ModelError where one of them is missing or another base."""
    found = restored(folder, TranslatorFacts, load_translator, options, form)
    facts, accelerator = found.facts, found.accelerator
    language_marking = marking_of(found.checkpoint.architecture.language_marking)
    inputs = inputs_of(found.tokenizer, found.model, language_marking, facts.tags, facts.prefix, facts.max_length)
    phrase_tables = load_phrase_tables(folder / PHRASE_TABLES) if (folder / PHRASE_TABLES).exists() else {}
    return Translator(
        found.model.to(accelerator.device).eval(), inputs, facts, accelerator, Rows(None, 0), phrase_tables
    )
