"""The stages before the task: pre-training on plain text and training on other labelled rows, with the same adapter."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from lowres.data.corpus import Corpus, LabelledRows, Row
from lowres.errors import ModelError, Problem
from lowres.planning import Plan
from lowres.recipe.sections import RowsStage, Stage, TextsStage, Training
from lowres.recipe.task_section import PreTraining
from lowres.tasks.classification.model import Classifier
from lowres.tasks.classification.objective import ClassificationObjective, task_of
from lowres.tasks.job import StageTraining
from lowres.tasks.pretraining.job import PRE_TRAINING
from lowres.vocabulary.adapting import Adapted

PEFT = "base_model.model."  # what PEFT puts before the names of the weights of the model it wraps


def stages(classifier: Classifier, adapted: Adapted, plan: Plan, corpus: Corpus) -> Iterator[StageTraining]:
    """The stages that the recipe names, in its order."""
    for number, (section, rows) in enumerate(zip(plan.recipe.first, corpus.stages, strict=True), start=1):
        kind = _on_texts if isinstance(section, TextsStage) else _on_rows
        yield kind(f"stage {number}, {section.kind}", section, rows, classifier, adapted, plan, corpus)


def _settings(section: Stage, plan: Plan) -> Training:
    """The recipe's own settings with the epochs and learning rate of the stage."""
    given = {"epochs": section.epochs, "learning_rate": section.learning_rate}
    return plan.recipe.training.model_copy(update=given)


def _on_texts(
    name: str, section: Stage, rows: Sequence[Row], classifier: Classifier, adapted: Adapted, plan: Plan, corpus: Corpus
) -> StageTraining:  # fmt: skip
    """Masked language modelling over the encoder's own weights, which are handed on when it has ended."""
    assert isinstance(section, TextsStage)
    if adapted.tokenizer.mask_token_id is None:
        what = f"{plan.checkpoint.name} has no mask token, so it cannot be pre-trained on texts"
        raise ModelError(
            Problem(f"first, item {name.split()[1].strip(',')}", what, "leave this stage out, or choose another base")
        )
    task = PreTraining(kind="pre-training", masked=section.masked)
    settings = _settings(section, plan).model_copy(update={"label_smoothing": 0.0})
    mine = replace(plan, recipe=plan.recipe.model_copy(update={"task": task, "training": settings}))
    texts = replace(corpus, train=(*corpus.train, *rows), stages=())

    def begin() -> tuple[nn.Module, Any]:
        _, base = PRE_TRAINING.load(plan.checkpoint, settings.dropout)
        masked_lm = PRE_TRAINING.build(adapted, base, mine, texts, classifier.accelerator)
        hand_over(classifier.model.encoder, masked_lm.model)
        return masked_lm.model, PRE_TRAINING.objective(masked_lm, mine, texts)

    def finish(model: nn.Module) -> None:
        hand_over(model, classifier.model.encoder)

    return StageTraining(name, section.keep, len(texts.train), settings, begin, finish)


def _on_rows(
    name: str, section: Stage, rows: Sequence[Row], classifier: Classifier, adapted: Adapted, plan: Plan, corpus: Corpus
) -> StageTraining:  # fmt: skip
    """The task on other rows: encoder and head go on with what they have learned."""
    assert isinstance(section, RowsStage)
    settings = _settings(section, plan)

    def begin() -> tuple[nn.Module, Any]:
        objective = ClassificationObjective(
            classifier.model, classifier.inputs, classifier.translations, [LabelledRows(classifier.labels, tuple(rows))],
            corpus.dev, classifier.accelerator, label_smoothing=settings.label_smoothing, balanced=task_of(plan).balanced,
            seed=settings.seed,
        )  # fmt: skip
        return classifier.model, objective

    return StageTraining(name, section.keep, len(rows), settings, begin, lambda model: None)


def hand_over(giver: nn.Module, taker: nn.Module) -> None:
    """Copy the trained weights of one model over the same base to another: those that both have, such as an adapter's."""
    given = _by_common_name(giver)
    with torch.no_grad():
        for name, weight in _by_common_name(taker).items():
            if name in given:
                weight.copy_(given[name])


def _by_common_name(model: Any) -> dict[str, nn.Parameter]:
    """Trainable weights by their names within the encoder, whether it stands by itself or in a model with a head."""
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    inner = f"{whole.base_model_prefix}."
    return {
        name.removeprefix(PEFT).removeprefix(inner): weight
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }
