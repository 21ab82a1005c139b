"""A decoder that answers prompts, computed by CTranslate2 over exported weights: prompts and search are the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lowres.models.frames import Frame, TokenIds
from lowres.planning import Machine, Options
from lowres.tasks.engines import ExportFacts, export_facts
from lowres.tasks.generation.converted import ConvertedDecoder, load_converted
from lowres.tasks.generation.model import Writer, WriterFacts
from lowres.tasks.job import make_accelerator
from lowres.tasks.saved import Rows, read_facts, saved_tokenizer
from lowres.tasks.translation.search import Generated


@dataclass(frozen=True)
class ExportedWriter(Writer):
    """A writer whose model is converted."""

    model: ConvertedDecoder

    def continued(self, prompts: Sequence[TokenIds], most: Sequence[int]) -> list[Generated]:
        """What follows each prompt, of at most `most` tokens, by CTranslate2."""
        return self.model.continue_prompts(self.frame, prompts, self.facts.decoding, most)


def restore_exported(folder: Path, model_folder: Path, digest: str, options: Options) -> ExportedWriter:
    """The writer of an exported folder, with the tokenizer from the run's model folder, whose digest is `digest`.

    The base is not needed. Raises ModelError where CTranslate2 is not installed, a file cannot be read, or the run's model is another
    one than was exported.
    """
    facts, machine = read_facts(model_folder, WriterFacts), Machine.detect(options.device, options.threads)
    export_facts(folder, ExportFacts, "ctranslate2", digest)
    frame = Frame(saved_tokenizer(model_folder), facts.system)
    return ExportedWriter(
        load_converted(folder, machine), frame, facts, make_accelerator(machine, "fp32"), Rows(None, 0)
    )
