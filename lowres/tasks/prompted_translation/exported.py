"""A decoder that translates, computed by CTranslate2 over exported weights; prompts, hints and segments are the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lowres.models.frames import Frame, TokenIds
from lowres.planning import Machine, Options
from lowres.tasks.engines import ExportFacts, export_facts
from lowres.tasks.generation.converted import ConvertedDecoder, load_converted
from lowres.tasks.job import make_accelerator
from lowres.tasks.prompted_translation.inputs import INPUTS
from lowres.tasks.prompted_translation.model import PromptedTranslator
from lowres.tasks.saved import Rows, read_facts, saved_tokenizer
from lowres.tasks.translation.likelihood import Likelihood
from lowres.tasks.translation.model import TranslatorFacts, restored_estimators
from lowres.tasks.translation.phrase_tables import restored_tables
from lowres.tasks.translation.search import Generated


class PromptedExportFacts(ExportFacts):
    """What export.json says: `positions` is how many tokens the model reads and writes together."""

    positions: int


@dataclass(frozen=True)
class ExportedPromptedTranslator(PromptedTranslator):
    """A decoder that translates, whose model is converted."""

    model: ConvertedDecoder

    def continued(self, prompts: Sequence[TokenIds], most: Sequence[int]) -> list[Generated]:
        """The answer to each prompt, of at most `most` tokens, by CTranslate2."""
        return self.model.continue_prompts(self.prompts.frame, prompts, self.facts.decoding, most)

    def score(
        self, sources: Sequence[TokenIds], written: Sequence[TokenIds], targets: Sequence[str]
    ) -> list[Likelihood]:
        """How probable the converted model finds each answer to a prompt."""
        found = self.model.answer_log_probabilities(list(zip(sources, written, strict=True)))
        return [Likelihood(sum(logs), len(logs)) for logs in found]


def restore_exported(folder: Path, model_folder: Path, digest: str, options: Options) -> ExportedPromptedTranslator:
    """The translator of an exported folder, with tokenizer and phrase tables from the run's model folder, whose digest is `digest`.

    The base is not needed. Raises ModelError where CTranslate2 is not installed, a file cannot be read, or the run's model is another
    one than was exported.
    """
    facts, machine = read_facts(model_folder, TranslatorFacts), Machine.detect(options.device, options.threads)
    own = export_facts(folder, PromptedExportFacts, "ctranslate2", digest)
    prompts = INPUTS[facts.objective](Frame(saved_tokenizer(model_folder)), facts.max_length, own.positions)
    tables = restored_tables(model_folder, facts.with_phrase_table, hints=facts.hints)
    return ExportedPromptedTranslator(
        load_converted(folder, machine), prompts, facts, make_accelerator(machine, "fp32"), Rows(None, 0), tables,
        estimators=restored_estimators(model_folder),
    )  # fmt: skip
