"""A decoder that classifies, by its label words or with a head on its last token."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from lowres.models.frames import Frame
from lowres.models.loading import load_decoder, load_encoder
from lowres.planning import Options
from lowres.statistical.ngrams import NgramClassifier
from lowres.tasks.classification.head import ClassificationModel
from lowres.tasks.classification.inputs import TextInputs
from lowres.tasks.classification.model import HEAD, NGRAMS, Classifier, ClassifierFacts
from lowres.tasks.job import Form
from lowres.tasks.prompted_classification.inputs import LabelPrompts
from lowres.tasks.prompted_classification.label_words import LabelWordModel
from lowres.tasks.saved import Rows, reading, restored


class PromptedFacts(ClassifierFacts):
    """What model.json of a decoder's classifier holds: with `words`, those of each label; without, the head is a linear one."""

    words: list[str] = []


def inputs_of(tokenizer: Any, facts: PromptedFacts) -> TextInputs:
    """How texts are read: in prompts, or as they are."""
    if facts.words:
        return LabelPrompts(tokenizer, "", facts.max_length, tuple(facts.words))
    return TextInputs(tokenizer, facts.prefix, facts.max_length)


def model_of(decoder: Any, tokenizer: Any, facts: PromptedFacts) -> ClassificationModel:
    """The decoder with what makes labels of its states."""
    if facts.words:
        return label_word_model(decoder, tokenizer, facts.words)
    return ClassificationModel(decoder, facts.hidden_size, facts.sizes, facts.pooling)


def label_word_model(decoder: Any, tokenizer: Any, words: Sequence[str]) -> LabelWordModel:
    """A decoder that classifies by these words."""
    frame = Frame(tokenizer)
    return LabelWordModel(decoder, [frame.plain(word) for word in words], tokenizer.pad_token_id)


def restore(folder: Path, options: Options, form: Form = "trained") -> Classifier:
    """Base, adapter and head from a run's model folder. Raises ModelError where one is missing or the base is another."""
    with reading(folder):
        by_words = bool(PromptedFacts.model_validate_json((folder / "model.json").read_bytes()).words)
    found = restored(folder, PromptedFacts, load_decoder if by_words else load_encoder, options, form)
    model = model_of(found.model, found.tokenizer, found.facts)
    with reading(folder / HEAD):
        model.head.load_state_dict(load_file(folder / HEAD))
    model.to(found.accelerator.device).eval()
    with reading(folder / NGRAMS):
        ngrams = NgramClassifier.load(folder / NGRAMS) if found.facts.with_ngrams else None
    return Classifier(
        model, inputs_of(found.tokenizer, found.facts), found.facts, found.accelerator, Rows(None, 0), ngrams
    )
