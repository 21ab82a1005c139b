"""A decoder that classifies by its label words, computed by CTranslate2 over exported weights; the rest is the run's."""

from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn

from lowres.models.frames import Frame, TokenIds
from lowres.planning import Machine, Options
from lowres.statistical.ngrams import NgramClassifier
from lowres.tasks.classification.model import HEAD, NGRAMS, Classifier
from lowres.tasks.engines import ExportFacts, export_facts
from lowres.tasks.generation.converted import ConvertedDecoder, load_converted
from lowres.tasks.job import make_accelerator
from lowres.tasks.prompted_classification.label_words import LabelWordModel
from lowres.tasks.prompted_classification.model import PromptedFacts, inputs_of
from lowres.tasks.saved import Rows, read_facts, reading, saved_tokenizer


class ConvertedLabelWords(LabelWordModel):
    """Scores label words by a converted decoder."""

    is_frozen = False  # nothing is kept of texts that were read

    def __init__(self, decoder: ConvertedDecoder, words: Sequence[TokenIds], pad: int) -> None:
        super().__init__(nn.Module(), words, pad)
        self.converted = decoder

    def log_probabilities(self, prompts: Sequence[TokenIds], given: TokenIds) -> Tensor:
        """Of every token, behind each prompt and each further token `given`; float32 of shape (prompts, 1 + given, vocabulary)."""
        return self.converted.log_probabilities(prompts, given, self.head.bias.device)


def restore_exported(folder: Path, model_folder: Path, digest: str, options: Options) -> Classifier:
    """The classifier of an exported folder, with tokenizer, priors and n-grams from the run's model folder, whose digest is `digest`.

    The base is not needed. Raises ModelError where CTranslate2 is not installed, a file cannot be read, or the run's model is another
    one than was exported.
    """
    facts, machine = read_facts(model_folder, PromptedFacts), Machine.detect(options.device, options.threads)
    export_facts(folder, ExportFacts, "ctranslate2", digest)
    tokenizer, accelerator = saved_tokenizer(model_folder), make_accelerator(machine, "fp32")
    words = [Frame(tokenizer).plain(word) for word in facts.words]
    model = ConvertedLabelWords(load_converted(folder, machine), words, tokenizer.pad_token_id)
    with reading(model_folder / HEAD):
        model.head.load_state_dict(load_file(model_folder / HEAD))
    with reading(model_folder / NGRAMS):
        ngrams = NgramClassifier.load(model_folder / NGRAMS) if facts.weights else None
    model.to(accelerator.device).eval()
    return Classifier(model, inputs_of(tokenizer, facts), facts, accelerator, Rows(None, 0), ngrams)
