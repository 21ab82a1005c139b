"""Language-adaptive pre-training from base to judgement: plain text in; adapter, new rows and bits per character out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn

from lowres.data.corpus import Corpus, Row
from lowres.models.masked_head import begin_head, biases, transform, untrained
from lowres.planning import Plan
from lowres.tasks.equipping import equip
from lowres.tasks.job import Job, Say, sample_texts
from lowres.tasks.pretraining.judgement import judge
from lowres.tasks.pretraining.masking import Corruption
from lowres.tasks.pretraining.model import (
    Cost,
    MaskedLM,
    MaskedLMFacts,
    answer,
    load,
    restore,
    tagged_for,
    task_of,
    way_for,
)
from lowres.tasks.pretraining.objective import PretrainingObjective
from lowres.tasks.saved import Rows, common_facts
from lowres.vocabulary.adapting import Adapted


def build(adapted: Adapted, base: Any, plan: Plan, corpus: Corpus, accelerator: Accelerator) -> MaskedLM:
    """Base + new rows + head + method."""
    recipe, checkpoint = plan.recipe, plan.checkpoint
    set_seed(recipe.training.seed)
    tagged = tagged_for(adapted, base, plan, corpus)
    adapted = tagged.adapted
    facts = MaskedLMFacts(
        **common_facts(plan, corpus, adapted), tags=dict(tagged.tags), hidden=task_of(plan).masked,
        fresh_head=checkpoint.architecture.language_marking is None and untrained(base),
    )  # fmt: skip
    way = way_for(adapted, facts, plan)
    model = equip(base, adapted, plan)
    if facts.fresh_head:
        begin_head(model, _counts(way, corpus.train, len(model.get_input_embeddings().weight)))
    if not way.decodes:  # the head learns with every method, unless it is fixed
        for weights in biases(model):
            weights.requires_grad_(True)
        for weights in transform(model).values():
            weights.requires_grad_(task_of(plan).head == "trained")
    places = adapted.places if len(adapted.places) else None
    return MaskedLM(model.to(accelerator.device), way, facts, accelerator, Rows(places, adapted.added))


def _counts(way: Corruption, rows: Sequence[Row], pieces: int) -> torch.Tensor:
    """How often each piece occurs in these texts, float32 of shape (pieces,)."""
    segments = way.reader.segments([row.fields["text"] for row in rows], [row.language for row in rows])
    ids = torch.tensor([one for segment in segments for one in segment.ids], dtype=torch.long)
    return torch.bincount(ids, minlength=pieces).float()


def objective(masked_lm: MaskedLM, plan: Plan, corpus: Corpus) -> PretrainingObjective:
    """Find hidden words of train, choose by those of dev."""
    settings = plan.recipe.training
    named = "label_smoothing" in settings.model_fields_set
    return PretrainingObjective(
        masked_lm.model, masked_lm.way, corpus.train, corpus.dev, masked_lm.accelerator,
        label_smoothing=settings.label_smoothing if named else 0.0, seed=settings.seed,
    )  # fmt: skip


def complete(masked_lm: MaskedLM, plan: Plan, corpus: Corpus, say: Say) -> MaskedLM:
    """Nothing joins the model after training."""
    return masked_lm


def lines(plan: Plan, corpus: Corpus, found: Sequence[Cost]) -> Iterator[Mapping[str, object]]:
    """One line per test text."""
    for row, cost in zip(corpus.test, found, strict=True):
        yield {
            "id": row.id, "cluster": row.cluster, "language": row.language,
            "text": row.fields["text"], "bits": cost.bits, "characters": cost.characters,
        }  # fmt: skip


def encoder(model: Any) -> nn.Module:
    """The part that reads."""
    return model.get_encoder() if model.config.is_encoder_decoder else model.base_model  # type: ignore[no-any-return]


PRE_TRAINING = Job(
    load=load, encoder=encoder, build=build, objective=objective, complete=complete, answer=answer, lines=lines, judge=judge,
    restore=restore, sample=sample_texts, leads_on=True,
)  # fmt: skip
