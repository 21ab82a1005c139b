"""What a decoder has lost of the languages that it knew: the cost of protected text before and after the run."""

import random
from collections.abc import Sequence
from typing import Any

from lowres.data.corpus import Row
from lowres.data.sampling import spread
from lowres.errors import Finding
from lowres.planning import Plan
from lowres.record import Retention
from lowres.tasks.generation.few_shot import untuned_base
from lowres.tasks.pretraining.model import corruption_of
from lowres.tasks.pretraining.objective import choose_words, costs

TEXTS, WORDS = 60, 1000
CLEAR = 0.05  # bits per character
NO_LANGUAGE = "und"


def retention(predictor: Any, plan: Plan, texts: Sequence[str]) -> Retention | None:
    """Bits per character of protected texts for the untouched base and for the trained model; None where nothing is protected.

    Only decoders with their head can tell: they give every text a probability, whatever they were trained to do.
    """
    model = predictor.transformer
    if plan.checkpoint.architecture.shape != "decoder" or not texts or model.get_output_embeddings() is None:
        return None
    rows = [Row(str(number), str(number), NO_LANGUAGE, {"text": text}) for number, text in enumerate(texts)]
    chosen = spread(random.Random(0).sample(rows, len(rows)), TEXTS)
    tokenizer, base, accelerator = untuned_base(plan)
    found = []
    for vocabulary, lm in ((tokenizer, base), (predictor.tokenizer, model)):
        corruption = corruption_of(
            vocabulary, plan.checkpoint.architecture, [NO_LANGUAGE], {}, "", plan.recipe.training.max_length, 0.15
        )
        found.append(
            costs(lm, corruption, chosen, choose_words(corruption, chosen, WORDS, 0), accelerator).per_character
        )
    return Retention(texts=len(chosen), before=found[0], after=found[1])


def retention_finding(found: Retention) -> Finding:
    """The same in words; a warning where much was lost."""
    what = (
        f"{found.texts} protected texts cost {found.after:.2f} bits per character, {found.before:.2f} before training"
    )
    return Finding("warning" if found.after > found.before + CLEAR else "note", what, "vocabulary.protect")
