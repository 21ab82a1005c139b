"""A translator whose search is CTranslate2's, over exported weights: inputs, hints, phrase tables and segments are the same."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lowres.data.pairs import Direction
from lowres.languages import normalise
from lowres.models.architectures import LanguageMarking
from lowres.planning import Machine, Options
from lowres.recipe.sections import Decoding
from lowres.tasks.engines import ExportFacts, export_again, export_facts, installed
from lowres.tasks.job import make_accelerator
from lowres.tasks.saved import Rows, read_facts, reading, saved_tokenizer
from lowres.tasks.translation.inputs import TokenIds, TranslationInputs
from lowres.tasks.translation.likelihood import Likelihood
from lowres.tasks.translation.model import Translator, TranslatorFacts, restored_estimators
from lowres.tasks.translation.phrase_tables import restored_tables
from lowres.tasks.translation.search import Generated, Hypothesis, longest_translation, search_batches

if TYPE_CHECKING:  # an optional package
    import ctranslate2

VOCABULARY = "shared_vocabulary.json"


class TranslatorExportFacts(ExportFacts):
    """What export.json says: how the family marks languages, and the ids of special tokens. `rows` counts output embeddings."""

    marked_source: Literal["nothing", "own tag", "target tag", "words"]
    forced: bool
    start: int
    end: int
    pad: int
    rows: int

    @classmethod
    def of(cls, inputs: TranslationInputs, model: str) -> "TranslatorExportFacts":
        """The facts of a translator's inputs, and the digest of its model."""
        marking = inputs.language_marking
        return cls(
            marked_source=marking.source, forced=marking.forced, start=inputs.start, end=inputs.end, pad=inputs.pad, rows=inputs.rows,
            model=model,
        )  # fmt: skip


@dataclass(frozen=True)
class ConvertedModel:
    """A model of CTranslate2, and its tokens in the order of their ids."""

    engine: "ctranslate2.Translator"
    tokens: Sequence[str]

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of each token."""
        return {token: number for number, token in enumerate(self.tokens)}

    def named(self, ids: TokenIds) -> list[str]:
        """The tokens of these ids."""
        return [self.tokens[one] for one in ids]


@dataclass(frozen=True)
class ExportedTranslator(Translator):
    """A translator whose model is converted."""

    model: ConvertedModel

    def write(self, sources: Sequence[list[int]], targets: Sequence[str]) -> list[Generated]:
        """The translation of each encoded source into its target language, by CTranslate2."""
        found = searched(self.model, self.inputs, sources, targets, self.facts.decoding)
        return [Generated(best.text, best.truncated) for best, *_ in found]

    def hypotheses(self, text: str, direction: Direction) -> list[Hypothesis]:
        """What CTranslate2's search ends with for a text that fits whole, the best first."""
        text = normalise(text)
        source = self.source_ids(text, *direction)
        (found,) = searched(self.model, self.inputs, [source], [direction[1]], self.facts.decoding)
        return [replace(one, text=self.inputs.revealed(one.text, text)) for one in found]

    def score(
        self, sources: Sequence[TokenIds], written: Sequence[TokenIds], targets: Sequence[str]
    ) -> list[Likelihood]:
        """How probable the converted model finds each encoded translation; it adds the end token itself."""
        found = self.model.engine.score_batch(
            [self.model.named(ids) for ids in sources], [self.model.named(ids[:-1]) for ids in written], max_input_length=0,
            max_batch_size=32,
        )  # fmt: skip
        given = [len(self.inputs.decoder_prefix(target)) - 1 for target in targets]
        return [
            Likelihood(sum(one.log_probs[start:]), len(one.log_probs) - start)
            for one, start in zip(found, given, strict=True)
        ]


def searched(
    model: ConvertedModel, inputs: TranslationInputs, sources: Sequence[TokenIds], targets: Sequence[str], decoding: Decoding
) -> list[list[Hypothesis]]:  # fmt: skip
    """What the search for each source ends with, the best first, with the settings of our own search."""
    found: list[list[Hypothesis]] = [[]] * len(sources)
    suppressed = [[model.tokens[one]] for one in inputs.suppressed]
    for rows in search_batches([len(ids) for ids in sources], decoding.beams, len(inputs.tokenizer), "cpu"):
        prefixes = [model.named(inputs.decoder_prefix(targets[row])[1:]) for row in rows]
        longest = max(len(sources[row]) for row in rows)
        written = model.engine.translate_batch(
            [model.named(sources[row]) for row in rows], target_prefix=prefixes, beam_size=decoding.beams,
            length_penalty=decoding.length_penalty, no_repeat_ngram_size=decoding.no_repeat_ngram_size,
            max_decoding_length=len(prefixes[0]) + longest_translation(longest, 1 + len(prefixes[0]), inputs, decoding),
            max_input_length=0, suppress_sequences=suppressed, return_end_token=True,
            patience=patience(decoding), num_hypotheses=decoding.beams, return_scores=True,
        )  # fmt: skip
        for row, prefix, result in zip(rows, prefixes, written, strict=True):
            found[row] = [
                _hypothesis(model, inputs, tokens, score) for tokens, score in ranked(result, len(prefix), decoding)
            ]
    return found


def _hypothesis(model: ConvertedModel, inputs: TranslationInputs, tokens: Sequence[str], score: float) -> Hypothesis:
    ids = [model.ids[token] for token in tokens]
    return Hypothesis(inputs.text(ids), inputs.end not in ids, math.exp(score / max(1, len(ids))))


def patience(decoding: Decoding) -> float:
    """How many times its beams CTranslate2 finishes; with 1 it ends a search sooner than transformers (docs/results/export.md)."""
    return 2.0 if decoding.beams > 1 else 1.0


def ranked(result: "ctranslate2.TranslationResult", given: int, decoding: Decoding) -> list[tuple[list[str], float]]:
    """The hypotheses behind the `given` tokens and their log-probabilities, the best first.

    CTranslate2 divides scores by lengths in which it counts the given tokens, and we do not.
    """
    found = []
    for tokens, score in zip(result.hypotheses, result.scores, strict=True):
        length = len(tokens)
        found.append((list(tokens[given:]), float(score * length**decoding.length_penalty)))
    return sorted(found, key=lambda one: -one[1] / max(1, len(one[0])) ** decoding.length_penalty)


def restore_exported(folder: Path, model_folder: Path, digest: str, options: Options) -> ExportedTranslator:
    """The translator of an exported folder, with tokenizer and phrase tables from the run's model folder.

    The base is not needed. `digest` is that of the model folder. Raises ModelError where CTranslate2 is not installed, a file cannot
    be read, or the run's model is another one than was exported.
    """
    ctranslate2 = installed("ctranslate2", "ctranslate2", "--engine ctranslate2")
    facts = read_facts(model_folder, TranslatorFacts)
    own = export_facts(folder, TranslatorExportFacts, "ctranslate2", digest)
    machine = Machine.detect(options.device, options.threads)
    with reading(folder, export_again("ctranslate2")):
        tokens = json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))
        device = "cuda" if machine.device == "cuda" else "cpu"
        engine = ctranslate2.Translator(str(folder), device=device, intra_threads=machine.cores, inter_threads=1)
    tokenizer = saved_tokenizer(model_folder)
    ids = {tag: int(tokenizer.convert_tokens_to_ids(token)) for tag, token in facts.tags.items()}
    inputs = TranslationInputs(
        tokenizer, LanguageMarking(own.marked_source, own.forced), ids, own.start, own.end, own.pad, facts.prefix,
        facts.max_length, own.rows, facts.symbols,
    )  # fmt: skip
    tables = restored_tables(model_folder, facts.with_phrase_table, hints=facts.hints)
    model, accelerator = ConvertedModel(engine, tokens), make_accelerator(machine, "fp32")
    return ExportedTranslator(
        model, inputs, facts, accelerator, Rows(None, 0), tables, estimators=restored_estimators(model_folder)
    )
