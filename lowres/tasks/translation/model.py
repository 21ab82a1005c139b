"""The trained translator: how it translates, is saved and restored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from accelerate import Accelerator
from transformers import PreTrainedTokenizerBase

from lowres.atomic import make_readable
from lowres.data.corpus import Corpus, GlossaryEntry, Row
from lowres.data.pairs import Direction, Pair, pairs
from lowres.errors import Finding, ModelError, Problem, nearest
from lowres.evaluation.estimator import Estimate
from lowres.languages import normalise
from lowres.languages.placeholders import missing_placeholders
from lowres.models.architectures import LanguageMarking
from lowres.models.loading import load_translator
from lowres.planning import Options, Plan
from lowres.recipe.sections import Decoding
from lowres.statistical.phrases import PhraseTable
from lowres.tasks.job import Form
from lowres.tasks.saved import MODEL_JSON, ModelFacts, Rows, reading, restored, save_model
from lowres.tasks.translation.hints import Hints
from lowres.tasks.translation.inputs import TranslationInputs
from lowres.tasks.translation.likelihood import Likelihood, likelihoods
from lowres.tasks.translation.phrase_tables import restored_tables, save_tables
from lowres.tasks.translation.quality_estimation import (
    CONFIDENCE,
    Estimators,
    Evidence,
    System,
    estimated,
    evidence_of,
    load_estimators,
    save_estimators,
)
from lowres.tasks.translation.reranking import NOTHING_PROPOSED, Proposals, best, candidates
from lowres.tasks.translation.search import Generated, Hypothesis, generate, n_best
from lowres.tasks.translation.segments import Segment, joined, segments

NOTHING = Evidence(0.0, 0, 0)  # of a text without parts


class TranslatorFacts(ModelFacts):
    """What a translator's model.json holds.

    `tags` gives each language's token; `longest` is the number of tokens that nearly all training sources stay within, at most
    `max_length`: longer texts are translated in parts. With `hints` the model reads the phrase table's translation before each source;
    `symbols` stand for placeholders in what it reads and writes. In the directions of `by_phrase_table` the phrase table alone
    answers, since it was better on dev; in those of `reranked` the model chooses among at most `candidates` of its translations, by
    log-probabilities with the weight `rerank_weight`. A model whose `objective` was that of a language model of the target languages
    does no more than that: it translates nothing itself, and reads a candidate without its source.
    """

    directions: list[tuple[str, str]]
    tags: dict[str, str]
    longest: int
    decoding: Decoding
    hints: bool
    objective: Literal["translation", "language-model"] = "translation"
    symbols: str = ""
    by_phrase_table: list[tuple[str, str]] = []
    reranked: list[tuple[str, str]] = []
    rerank_weight: float = 0.0
    candidates: int = 0

    @property
    def with_phrase_table(self) -> list[tuple[str, str]]:
        """The directions in which the phrase table has a part in the answers, beside its hints."""
        return [*self.by_phrase_table, *self.reranked]


@dataclass(frozen=True)
class Translated:
    """A text and its translation.

    `parts` is the number of parts that a long text was split into; `lost` holds the markup, addresses and placeholders of the text
    that the translation lacks; `truncated` says that the translation reached the greatest length before its end. `confidence`
    estimates the chrF++ of the translation (0–100), `interval` holds the true one as often as the record says; None where unknown.
    """

    text: str
    translation: str
    source: str
    target: str
    parts: int = 1
    lost: tuple[str, ...] = ()
    truncated: bool = False
    confidence: float | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Translator:
    """A trained translator on its device."""

    model: Any
    inputs: TranslationInputs
    facts: TranslatorFacts
    accelerator: Accelerator
    rows: Rows
    phrase_tables: Mapping[tuple[str, str], PhraseTable]
    findings: tuple[Finding, ...] = ()
    estimators: Estimators = field(default_factory=dict)
    glossary: tuple[GlossaryEntry, ...] = ()

    @property
    def transformer(self) -> Any:
        """The encoder-decoder."""
        return self.model

    def save_head(self, folder: Path) -> None:
        """The head is the transformer's own."""

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer of its texts."""
        return self.inputs.tokenizer

    @property
    def translates(self) -> bool:
        """Whether the neural model writes translations itself, and does not only choose among those of the phrase tables."""
        return self.facts.objective == "translation"

    @property
    def hints(self) -> Hints | None:
        """The hints that the model reads with each source, if it was trained with them."""
        return Hints(self.phrase_tables) if self.facts.hints else None

    def predict(
        self, texts: Sequence[str], *, source: str | None = None, target: str | None = None, confidence: bool = True
    ) -> list[Translated]:
        """One translation per text, in order; an empty text gives an empty translation. A long text is translated in parts.

        With `confidence`, it is said how sure each is, if the run has learned that.
        Languages need not be named where the run has just one direction. Raises ModelError for a direction that it does not have.
        """
        direction = self.direction(source, target)
        return (self.estimated if confidence else self.translate)(texts, [direction] * len(texts))

    def translate(self, texts: Sequence[str], directions: Sequence[Direction]) -> list[Translated]:
        """One translation per text, each in its own direction (source, target)."""
        segmented = [self.segments(text, direction) for text, direction in zip(texts, directions, strict=True)]
        written = self._written(segmented, directions)
        return [
            _translated(text, direction, found, [written[segment.text, *direction] for segment in found])
            for text, direction, found in zip(texts, directions, segmented, strict=True)
        ]

    def translate_with_evidence(
        self, texts: Sequence[str], directions: Sequence[Direction], proposed: Proposals = NOTHING_PROPOSED
    ) -> tuple[list[Translated], list[Evidence]]:
        """The same, with what is known of each translation. `proposed` has candidates that are scored already."""
        segmented = [self.segments(text, direction) for text, direction in zip(texts, directions, strict=True)]
        written = self._written(segmented, directions, proposed)
        known = dict(zip(written, self.evidence(list(written), [one.text for one in written.values()]), strict=True))
        translations, evidence = [], []
        for text, direction, found in zip(texts, directions, segmented, strict=True):
            keys = [(segment.text, *direction) for segment in found]
            translations.append(_translated(text, direction, found, [written[key] for key in keys]))
            evidence.append(sum((known[key] for key in keys), NOTHING))
        return translations, evidence

    def estimated(self, texts: Sequence[str], directions: Sequence[Direction]) -> list[Translated]:
        """One translation per text with its confidence, where the run can estimate it."""
        if not self.estimators:
            return self.translate(texts, directions)
        translations, evidence = self.translate_with_evidence(texts, directions)
        return [
            _confident(one, estimated(self.estimators, known, self.system(direction), direction)) if one.parts else one
            for one, known, direction in zip(translations, evidence, directions, strict=True)
        ]

    def estimate(self, text: str, direction: Direction, answer: str) -> Estimate | None:
        """How good an answer to a text that fits whole is, given by the system that answers; None where the run cannot estimate it."""
        if not self.estimators:
            return None
        (known,) = self.evidence([(normalise(text), *direction)], [answer])
        return estimated(self.estimators, known, self.system(direction), direction)

    def evidence(self, asked: Sequence[tuple[str, str, str]], answers: Sequence[str]) -> list[Evidence]:
        """What is known of each answer to a (text, source, target) that fits."""
        tables = [self.phrase_tables.get((source, target)) for _, source, target in asked]
        return evidence_of([text for text, *_ in asked], answers, self.likelihoods(asked, answers), tables)

    def system(self, direction: Direction) -> System:
        """Who answers in a direction."""
        if direction in self.facts.reranked:
            return "phrase table and model"
        return "phrase table" if direction in self.facts.by_phrase_table else "model"

    def _written(
        self,
        segmented: Sequence[Sequence[Segment]],
        directions: Sequence[Direction],
        proposed: Proposals = NOTHING_PROPOSED,
    ) -> dict[tuple[str, str, str], Generated]:
        """The translation of each different segment (text, source, target)."""
        inputs = [
            (segment.text, *direction)
            for found, direction in zip(segmented, directions, strict=True)
            for segment in found
        ]
        written = {
            (text, source, target): Generated(self.phrase_tables[source, target].translate(text), truncated=False)
            for text, source, target in inputs
            if (source, target) in self.facts.by_phrase_table
        }
        chosen = [one for one in dict.fromkeys(inputs) if one[1:] in self.facts.reranked]
        new = [one for one in chosen if one not in proposed]
        scored = {**proposed, **dict(zip(new, candidates(self, new, self.facts.candidates), strict=True))}
        for one in chosen:
            written[one] = Generated(best(scored[one], self.facts.rerank_weight), truncated=False)
        left = list(dict.fromkeys(one for one in inputs if one not in written))
        generated = self.write([self.source_ids(*one) for one in left], [target for _, _, target in left])
        return written | {
            one: replace(found, text=self.inputs.revealed(found.text, one[0]))
            for one, found in zip(left, generated, strict=True)
        }

    def likelihoods(self, asked: Sequence[tuple[str, str, str]], answers: Sequence[str]) -> list[Likelihood]:
        """How probable the neural model finds each answer to a (text, source, target) that fits it, whoever gave it."""
        sources = [self.source_ids(*one) for one in asked]
        written = [
            self.answer_ids(answer, text, target) for answer, (text, _, target) in zip(answers, asked, strict=True)
        ]
        return self.score(sources, written, [target for _, _, target in asked])

    def answer_ids(self, answer: str, text: str, target: str) -> list[int]:
        """The token ids of an answer to a text, as the model would write them."""
        return self.inputs.fitted_target(self.inputs.beside([answer], [text])[0], target)

    def score(
        self, sources: Sequence[list[int]], written: Sequence[list[int]], targets: Sequence[str]
    ) -> list[Likelihood]:
        """How probable the model finds each encoded translation of an encoded source."""
        return likelihoods(self.model, self.inputs, sources, written, targets, self.accelerator)

    def write(self, sources: Sequence[list[int]], targets: Sequence[str]) -> list[Generated]:
        """The translation of each encoded source into its target language."""
        return generate(self.model, self.inputs, sources, targets, self.facts.decoding, self.accelerator)

    def hypotheses(self, text: str, direction: Direction) -> list[Hypothesis]:
        """What the neural model's search ends with for a text that fits it whole, the best first."""
        text = normalise(text)
        source = self.source_ids(text, *direction)
        found = n_best(self.model, self.inputs, source, direction[1], self.facts.decoding, self.accelerator)
        return [replace(one, text=self.inputs.revealed(one.text, text)) for one in found]

    def segments(self, text: str, direction: Direction) -> list[Segment]:
        """The text in NFC, in parts no longer than nearly all training sources; none for an empty text."""

        def length(part: str) -> int:
            return self.inputs.lengths([part], *direction)[0]

        return segments(normalise(text), self.facts.longest, length, *direction)

    def fits(self, text: str, direction: Direction) -> bool:
        """Whether a text is no longer than nearly all training sources."""
        return self.inputs.lengths([text], *direction)[0] <= self.facts.longest

    def source_ids(self, text: str, source: str, target: str) -> list[int]:
        """The token ids of a text that fits, with its hint if the model reads hints."""
        hints = [self.hints.hint(text, source, target)] if self.hints else None
        return self.inputs.sources([text], source, target, hints)[0]

    def raw_predictions(self, inputs: Sequence[Sequence[str]]) -> list[str]:
        """What the neural model answers to each (text, source, target): its own translation or, if it has none, its choice."""
        found = (self.without_phrase_tables() if self.translates else self.choosing()).translate(
            [text for text, *_ in inputs], [(source, target) for _, source, target in inputs]
        )
        return [one.translation for one in found]

    def without_phrase_tables(self) -> "Translator":
        """The same translator with the neural model alone in all directions, also where the phrase table was better."""
        return replace(self, facts=self.facts.model_copy(update={"by_phrase_table": [], "reranked": []}))

    def choosing(self) -> "Translator":
        """The same translator in which the model chooses among the phrase tables' translations in all directions."""
        facts = {"by_phrase_table": [], "reranked": self.facts.directions}
        return replace(self, facts=self.facts.model_copy(update=facts))

    def greedy(self) -> "Translator":
        """The same translator with greedy search, which is quicker than beam search."""
        decoding = self.facts.decoding.model_copy(update={"beams": 1})
        return replace(self, facts=self.facts.model_copy(update={"decoding": decoding}))

    def direction(self, source: str | None, target: str | None) -> tuple[str, str]:
        """The one direction that fits the given languages. Raises ModelError where there is none, or several."""
        known = self.facts.directions
        meant = [direction for direction in known if source in (None, direction[0]) and target in (None, direction[1])]
        if len(meant) == 1:
            return meant[0]
        shown = ", ".join(f"{left}→{right}" for left, right in known[:12]) + (" …" if len(known) > 12 else "")
        for name, tag, side in (("source", source, 0), ("target", target, 1)):
            tags = list(dict.fromkeys(direction[side] for direction in known))
            if tag is not None and tag not in tags:
                hint = " ".join(filter(None, [nearest(tag, tags), f"one of {', '.join(tags)}"]))
                raise ModelError(
                    Problem(name, f"this run was not trained to translate {('from', 'into')[side]} {tag}", hint)
                )
        if not meant:
            raise ModelError(
                Problem("source, target", f"this run does not translate {source}→{target}", f"it knows {shown}")
            )
        choose = "choose one with --from and --to, in Python with source and target"
        raise ModelError(Problem("", f"this run translates in several directions: {shown}", choose))

    def save(self, folder: Path) -> None:
        """Write adapter, embedding rows, tokenizer, phrase tables and facts: everything beside the base."""
        save_model(folder, self.facts, self.model, self.rows, self.inputs.tokenizer)
        save_tables(folder, self.phrase_tables, self.glossary)
        save_estimators(folder / CONFIDENCE, self.estimators)
        make_readable(folder, MODEL_JSON)


def _translated(text: str, direction: Direction, found: Sequence[Segment], written: Sequence[Generated]) -> Translated:
    translation = joined(found, [one.text for one in written])
    lost = missing_placeholders(normalise(text), translation)
    return Translated(text, translation, *direction, len(found), lost, any(one.truncated for one in written))


def _confident(found: Translated, estimate: Estimate | None) -> Translated:
    """A translation with its estimate, to a tenth of a point."""
    if estimate is None:
        return found
    value, low, high = (round(one, 1) for one in estimate)
    return replace(found, confidence=value, interval=(low, high))


def language_marking_of(language_marking: LanguageMarking | None) -> LanguageMarking:
    assert language_marking is not None  # planning lets only encoder-decoders through
    return language_marking


def inputs_of(
    tokenizer: Any, model: Any, language_marking: LanguageMarking, tags: Mapping[str, str], prefix: str, max_length: int,
    symbols: str,
) -> TranslationInputs:  # fmt: skip
    config = model.config
    ids = {tag: int(tokenizer.convert_tokens_to_ids(token)) for tag, token in tags.items()}
    end = config.eos_token_id[0] if isinstance(config.eos_token_id, list) else config.eos_token_id
    return TranslationInputs(
        tokenizer, language_marking, ids, config.decoder_start_token_id, end, config.pad_token_id, prefix, max_length,
        len(model.get_output_embeddings().weight), symbols,
    )  # fmt: skip


def pairs_to_evaluate(plan: Plan, rows: Sequence[Row], translator: Translator) -> tuple[Pair, ...]:
    """The pairs of these rows in the directions that the recipe evaluates."""
    languages = plan.recipe.evaluation.languages
    return pairs(
        rows,
        [direction for direction in translator.facts.directions if not languages or set(languages) & set(direction)],
    )


def predict_test(translator: Translator, plan: Plan, corpus: Corpus) -> list[Translated]:
    """Translations of the test pairs' sources."""
    judged = pairs_to_evaluate(plan, corpus.test, translator)
    texts = [pair.source.fields["text"] for pair in judged]
    return translator.estimated(texts, [pair.direction for pair in judged])


def restore(folder: Path, options: Options, form: Form = "trained") -> Translator:
    """Base, embedding rows and adapter from a run's model folder. Raises ModelError where one is missing or the base is another."""
    found = restored(folder, TranslatorFacts, load_translator, options, form)
    facts, accelerator = found.facts, found.accelerator
    language_marking = language_marking_of(found.checkpoint.architecture.language_marking)
    inputs = inputs_of(
        found.tokenizer, found.model, language_marking, facts.tags, facts.prefix, facts.max_length, facts.symbols
    )
    phrase_tables = restored_tables(folder, facts.with_phrase_table, hints=facts.hints)
    return Translator(
        found.model.to(accelerator.device).eval(), inputs, facts, accelerator, Rows(None, 0), phrase_tables,
        estimators=restored_estimators(folder),
    )  # fmt: skip


def restored_estimators(folder: Path) -> Estimators:
    """The estimators of a run's model folder. Raises ModelError for a damaged file."""
    with reading(folder / CONFIDENCE):
        return load_estimators(folder / CONFIDENCE)
