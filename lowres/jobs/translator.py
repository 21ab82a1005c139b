"""A model that translates: put together, asked, saved and restored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from transformers import PreTrainedTokenizerBase

from lowres.errors import ModelError, Problem, nearest
from lowres.jobs.job import Form
from lowres.jobs.saved import (
    ModelFacts,
    Rows,
    find_saved_base,
    read_facts,
    restore_model,
    restoring_accelerator,
    save_model,
)
from lowres.languages.fixed import lost
from lowres.languages.sentences import parts
from lowres.models.architectures import Marks
from lowres.models.lexicon import Lexicon, load_lexicons, save_lexicons
from lowres.models.loading import load_translator
from lowres.planning import Options
from lowres.recipe.sections import Decoding
from lowres.tasks.translation import Hints, Wording, search

LEXICONS = "lexicons.json.xz"


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
    by_lexicon: list[tuple[str, str]] = []


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
    wording: Wording
    facts: TranslatorFacts
    accelerator: Accelerator
    rows: Rows
    lexicons: Mapping[tuple[str, str], Lexicon]

    @property
    def transformer(self) -> Any:
        """The encoder-decoder."""
        return self.model

    def save_head(self, folder: Path) -> None:
        """The head is the transformer's own."""

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """What cuts its texts."""
        return self.wording.tokenizer

    @property
    def hints(self) -> Hints | None:
        """What is shown with each source."""
        return Hints(self.lexicons) if self.facts.hints else None

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
        cut = [parts(text, self.facts.longest, self.wording.length) if text.strip() else [] for text in texts]
        asked = [(part, *way) for stretches, way in zip(cut, ways, strict=True) for part in stretches]
        found = {
            (part, source, target): self.lexicons[source, target].translate(part)
            for part, source, target in asked
            if (source, target) in self.facts.by_lexicon
        }
        left = list(dict.fromkeys(one for one in asked if one not in found))
        sources = [self._source(*one) for one in left]
        written = search(
            self.model, self.wording, sources, [one[2] for one in left], self.facts.decoding, self.accelerator
        )
        found |= dict(zip(left, written, strict=True))
        whole = [" ".join(found[part, *way] for part in stretches) for stretches, way in zip(cut, ways, strict=True)]
        return [
            Translated(text, translation, *way, len(stretches), lost(text, translation))
            for text, translation, way, stretches in zip(texts, whole, ways, cut, strict=True)
        ]

    def _source(self, text: str, source: str, target: str) -> list[int]:
        hints = [self.hints.hint(text, source, target)] if self.hints else None
        return self.wording.sources([text], source, target, hints)[0]

    def trial(self, asked: Sequence[Sequence[str]]) -> list[str]:
        """What the model itself, without the lexicons' share, makes of each text in its direction."""
        found = self.by_model().translate(
            [text for text, *_ in asked], [(source, target) for _, source, target in asked]
        )
        return [one.translation for one in found]

    def by_model(self) -> "Translator":
        """The model in all directions, also where the lexicon did better."""
        return replace(self, facts=self.facts.model_copy(update={"by_lexicon": []}))

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
        save_model(folder, self.facts, self.model, self.rows, self.wording.tokenizer)
        if self.lexicons:
            save_lexicons(folder / LEXICONS, self.lexicons)


def marks_of(marks: Marks | None) -> Marks:
    assert marks is not None  # planning lets only encoder-decoders through
    return marks


def wording_of(
    tokenizer: Any, model: Any, marks: Marks, tags: Mapping[str, str], prefix: str, max_pieces: int
) -> Wording:
    config = model.config
    ids = {tag: int(tokenizer.convert_tokens_to_ids(piece)) for tag, piece in tags.items()}
    end = config.eos_token_id[0] if isinstance(config.eos_token_id, list) else config.eos_token_id
    return Wording(tokenizer, marks, ids, config.decoder_start_token_id, end, config.pad_token_id, prefix, max_pieces)


def restore(folder: Path, options: Options, form: Form = "trained") -> Translator:
    """Base + rows + adapter from a run's model folder. Raises ModelError where one of them is missing or another base."""
    facts = read_facts(folder, TranslatorFacts)
    accelerator = restoring_accelerator(options, form)
    checkpoint = find_saved_base(folder, facts, options)
    _, base = load_translator(checkpoint)
    tokenizer, model = restore_model(folder, facts, checkpoint, base, accelerator, form)
    marks = marks_of(checkpoint.architecture.marks)
    wording = wording_of(tokenizer, model, marks, facts.tags, facts.prefix, facts.max_pieces)
    lexicons = load_lexicons(folder / LEXICONS) if (folder / LEXICONS).exists() else {}
    return Translator(model.to(accelerator.device).eval(), wording, facts, accelerator, Rows(None, 0), lexicons)
