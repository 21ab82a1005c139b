"""Language-adaptive pre-training from base to evaluation: plain text in; adapter, new embedding rows and bits per character out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn

from lowres.data.corpus import Corpus, Row
from lowres.models.masked_head import biases, initialise_head, is_untrained, transform
from lowres.planning import Plan
from lowres.tasks.equipping import equip
from lowres.tasks.job import Announce, Job, sample_texts
from lowres.tasks.pretraining.judgement import judge
from lowres.tasks.pretraining.masking import Corruption, Masking
from lowres.tasks.pretraining.model import (
    Cost,
    MaskedLM,
    MaskedLMFacts,
    corruption_for,
    load,
    predict_test,
    restore,
    tagged_for,
    task_of,
)
from lowres.tasks.pretraining.objective import PretrainingObjective
from lowres.tasks.saved import Rows, common_facts
from lowres.vocabulary.adapting import Adapted


def build(adapted: Adapted, base: Any, plan: Plan, corpus: Corpus, accelerator: Accelerator) -> MaskedLM:
    """The base with its new embedding rows, its language-modelling head, and its method."""
    recipe, checkpoint = plan.recipe, plan.checkpoint
    set_seed(recipe.training.seed)
    tagged = tagged_for(adapted, base, plan, corpus)
    new_findings = tagged.adapted.findings[len(adapted.findings) :]
    adapted = tagged.adapted
    facts = MaskedLMFacts(
        **common_facts(plan, corpus, adapted), tags=dict(tagged.tags), masked=task_of(plan).masked,
        fresh_head=checkpoint.architecture.shape == "encoder" and is_untrained(base),
    )  # fmt: skip
    corruption = corruption_for(adapted, facts, plan)
    model = equip(base, adapted, plan, accelerator.device)
    if facts.fresh_head:
        initialise_head(model, _counts(corruption, corpus.train, len(model.get_input_embeddings().weight)))
    if isinstance(corruption, Masking):  # the head trains with every method, unless the recipe fixes it
        for weights in biases(model):
            weights.requires_grad_(True)
        for weights in transform(model).values():
            weights.requires_grad_(task_of(plan).head == "trained")
    return MaskedLM(model.to(accelerator.device), corruption, facts, accelerator, Rows.of(adapted), new_findings)


def _counts(corruption: Corruption, rows: Sequence[Row], tokens: int) -> torch.Tensor:
    """How often each token occurs in these texts, float32 of shape (tokens,)."""
    segments = corruption.inputs.segments([row.fields["text"] for row in rows], [row.language for row in rows])
    ids = torch.tensor([one for segment in segments for one in segment.ids], dtype=torch.long)
    return torch.bincount(ids, minlength=tokens).float()


def objective(masked_lm: MaskedLM, plan: Plan, corpus: Corpus) -> PretrainingObjective:
    """Trains on masked words of train; the score on dev is the likelihood of masked words there."""
    settings = plan.recipe.training
    named = "label_smoothing" in settings.model_fields_set
    return PretrainingObjective(
        masked_lm.model, masked_lm.corruption, corpus.train, corpus.dev, masked_lm.accelerator,
        label_smoothing=settings.label_smoothing if named else 0.0, seed=settings.seed,
    )  # fmt: skip


def complete(masked_lm: MaskedLM, plan: Plan, corpus: Corpus, announce: Announce) -> MaskedLM:
    """Nothing is fitted after training."""
    return masked_lm


def lines(plan: Plan, corpus: Corpus, found: Sequence[Cost]) -> Iterator[Mapping[str, object]]:
    """One line of predictions.jsonl per test text."""
    for row, cost in zip(corpus.test, found, strict=True):
        yield {
            "id": row.id, "cluster": row.cluster, "language": row.language,
            "text": row.fields["text"], "bits": cost.bits, "characters": cost.characters,
        }  # fmt: skip


def encoder(model: Any) -> nn.Module:
    """The encoder of a masked language model or an encoder-decoder."""
    return model.get_encoder() if model.config.is_encoder_decoder else model.base_model  # type: ignore[no-any-return]


PRE_TRAINING = Job(
    load=load, encoder=encoder, build=build, objective=objective, complete=complete, predict=predict_test, lines=lines, judge=judge,
    restore=restore, sample=sample_texts, is_base=True,
)  # fmt: skip
