"""Classification with a decoder, from base to evaluation: by label words, or with a head on the last token."""

import time
from collections import Counter
from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed

from lowres.data.corpus import Corpus, Row
from lowres.data.sampling import spread
from lowres.evaluation.baselines import BaselineRun
from lowres.languages import normalise
from lowres.models.loading import load_decoder
from lowres.planning import Plan
from lowres.tasks.classification.forward import features, probabilities
from lowres.tasks.classification.job import complete, lines, objective
from lowres.tasks.classification.judgement import judge
from lowres.tasks.classification.model import Classifier, predict_test
from lowres.tasks.classification.objective import task_of
from lowres.tasks.equipping import equip
from lowres.tasks.generation.few_shot import NAME, Asked, chosen_shots, untuned_base
from lowres.tasks.generation.inputs import PromptInputs
from lowres.tasks.job import Job, sample_texts
from lowres.tasks.prompted_classification.inputs import LabelPrompts, question
from lowres.tasks.prompted_classification.label_words import LabelWordModel, Prior
from lowres.tasks.prompted_classification.model import (
    PromptedFacts,
    inputs_of,
    label_word_model,
    model_of,
    restore,
)
from lowres.tasks.saved import Rows, common_facts
from lowres.vocabulary.adapting import Adapted

FEW_LABELS = 10  # up to so many, `auto` asks for label words: each longer label takes a pass of its own
CALIBRATION_TEXTS, CALIBRATION_PROMPTS = (
    200,
    24,
)  # train texts on which priors are corrected; fewer where prompts hold examples


def build(adapted: Adapted, base: Any, plan: Plan, corpus: Corpus, accelerator: Accelerator) -> Classifier:
    """The base with its new embedding rows, its method, and a corrected prior or a new head."""
    recipe = plan.recipe
    set_seed(recipe.training.seed)
    words = words_of(plan, corpus) if by_words(plan, corpus) else ()
    facts = PromptedFacts(
        **common_facts(plan, corpus, adapted), labels=list(corpus.labels), words=list(words),
        auxiliary={head: list(dataset.labels) for head, dataset in corpus.auxiliary.items()},
        hidden_size=plan.checkpoint.hidden_size,
    )  # fmt: skip
    decoder = equip(base if words else base.base_model, adapted, plan, accelerator.device)
    inputs = inputs_of(adapted.tokenizer, facts)
    model = model_of(decoder, adapted.tokenizer, facts).to(accelerator.device)
    classifier = Classifier(model, inputs, facts, accelerator, Rows.of(adapted))
    if isinstance(model, LabelWordModel):
        some = spread(corpus.train, CALIBRATION_TEXTS)
        ids = inputs.token_ids([row.fields["text"] for row in some])
        found = probabilities(model, inputs, ids, [row.language for row in some], accelerator)
        _prior(model).correct(
            torch.from_numpy(found).to(accelerator.device), frequencies(corpus).to(accelerator.device)
        )
    return classifier


def by_words(plan: Plan, corpus: Corpus) -> bool:
    """Whether labels are scored by their words."""
    named = task_of(plan).by
    return named == "label-words" or (named == "auto" and len(corpus.labels) <= FEW_LABELS and not corpus.auxiliary)


def words_of(plan: Plan, corpus: Corpus) -> tuple[str, ...]:
    """The words that stand for each label: those of the recipe, else the label itself."""
    return tuple(task_of(plan).label_words.get(label, label) for label in corpus.labels)


def frequencies(corpus: Corpus) -> torch.Tensor:
    """The share of each label in train, float32 of shape (labels,)."""
    counts = Counter(row.fields["label"] for row in corpus.train)
    return torch.tensor([counts[label] / counts.total() for label in corpus.labels])


def _prior(model: LabelWordModel) -> Prior:
    prior: Any = model.head
    found: Prior = prior
    return found


def untuned(plan: Plan, corpus: Corpus) -> list[BaselineRun[tuple[str, ...]]]:
    """The base before any training, shown a few similar training texts with their labels before each text."""
    count = plan.recipe.evaluation.few_shot
    if not count:
        return []
    started = time.perf_counter()
    tokenizer, base, accelerator = untuned_base(plan)
    words = words_of(plan, corpus)
    model = label_word_model(base, tokenizer, words)
    model.to(accelerator.device)
    named = dict(zip(corpus.labels, words, strict=True))

    def asked(row: Row) -> Asked:
        text = normalise(row.fields["text"])
        return Asked(row.language, text, question(text, words), named[row.fields["label"]])

    known: dict[Hashable, list[Asked]] = {}
    for row in corpus.train:
        known.setdefault(row.language, []).append(asked(row))
    prompts = LabelPrompts(tokenizer, "", plan.recipe.training.max_length, words)
    room = plan.checkpoint.positions - max(map(len, model.words))
    calibrating = [asked(row) for row in spread(corpus.train, CALIBRATION_PROMPTS)]
    both = [*calibrating, *map(asked, corpus.test)]
    build_prompt = PromptInputs(prompts.frame, prompts.max_length).with_shots
    shots = chosen_shots(known, both, count, apart=True)
    ids = [build_prompt(one.question, some, room) for one, some in zip(both, shots, strict=True)]
    scores = features(model, prompts, ids, [None] * len(ids), accelerator)
    _prior(model).correct(scores[: len(calibrating)].softmax(-1), frequencies(corpus).to(scores.device))
    with torch.inference_mode():
        found = model.head(scores[len(calibrating) :]).argmax(1).tolist()
    what = (
        f"{plan.checkpoint.name} before any training, shown {count} training examples like the text, by its label words"
    )
    labels: Sequence[str] = corpus.labels
    return [BaselineRun(NAME, what, time.perf_counter() - started, tuple(labels[best] for best in found))]


def encoder(model: Any) -> Any:
    """The decoder without its head."""
    return model.base_model


PROMPTED_CLASSIFICATION = Job(
    load=load_decoder, encoder=encoder, build=build, objective=objective, complete=complete, predict=predict_test, lines=lines,
    judge=partial(judge, untuned=untuned), restore=restore, sample=sample_texts,
)  # fmt: skip
