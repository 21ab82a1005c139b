"""leave_one_out(): what the rows of each training language are worth, by dev, without training the base."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from accelerate import Accelerator

from lowres.chatter import without_chatter
from lowres.data.corpus import Corpus
from lowres.errors import DataError, PlanError, Problem
from lowres.planning import Options, Plan, prepare, read_data, read_fitting_data
from lowres.recipe import RecipeFile, open_recipe
from lowres.recipe.methods import Features
from lowres.recipe.sections import Ensemble
from lowres.recipe.task_section import Classification
from lowres.recipe.vocabulary_section import Vocabulary
from lowres.running import fit_vocabulary, prepare_device
from lowres.tasks.classification.job import CLASSIFICATION
from lowres.training.loop import train
from lowres.vocabulary.adapting import Adapted

SEEDS = 3


@dataclass(frozen=True)
class Worth:
    """What the training rows of a language are worth: dev with all languages, less dev without this one, in points of macro-F1.

    All are means over seeds; `low` and `high` are the least and the greatest difference that a seed gave.
    """

    language: str
    rows: int
    without: float
    worth: float
    low: float
    high: float


@dataclass(frozen=True)
class LeftOut:
    """Dev with the rows of all languages, and what each language is worth, the greatest worth first."""

    whole: float
    seeds: int
    languages: tuple[Worth, ...]


def leave_one_out(recipe: str | Path | RecipeFile, *, seeds: int = SEEDS, options: Options | None = None) -> LeftOut:
    """Train a classifier's head on vectors of the base as it is, with the rows of all training languages and without those of each.

    Every text is encoded once, so that it takes little more than one run with `method: features`, whatever method the recipe has.
    Raises LowresError if the user's input is at fault, also where the recipe is not of a classifier or has one language only.
    """
    options = options or Options()
    file = _with_features(recipe if isinstance(recipe, RecipeFile) else open_recipe(recipe))
    with without_chatter(), file.naming_lines():
        plan, corpus = prepare(file, options), read_data(file, options)
        counts = {tag: sum(row.language == tag for row in corpus.train) for tag in corpus.languages}
        tags = [tag for tag, count in counts.items() if count]
        if len(tags) < 2:
            raise DataError(Problem("data", f"train is in {tags[0]} alone", "there is no other language to leave out"))
        accelerator = prepare_device(plan)
        tokenizer, base = CLASSIFICATION.load(plan.checkpoint)
        fitting_data = read_fitting_data(file, corpus, options)
        adapted = fit_vocabulary(tokenizer, base, CLASSIFICATION, plan, fitting_data, accelerator)
        heads = _Heads(plan, accelerator, base, adapted, seeds)
        whole = heads.dev(corpus)
        found = [_worth(tag, counts[tag], whole, heads.dev(_without(corpus, tag))) for tag in tags]
    return LeftOut(fmean(whole), seeds, tuple(sorted(found, key=lambda one: -one.worth)))


def _with_features(file: RecipeFile) -> RecipeFile:
    """The recipe with a head over the base as it is, and nothing else that would be trained."""
    recipe = file.recipe
    if not isinstance(recipe.task, Classification):
        raise PlanError(
            Problem("task.kind", f"is {recipe.task.kind}", "only languages of a classifier can be left out")
        )
    of_method = {"epochs", "learning_rate", "patience"}  # and of no use to another one
    foreign = set() if isinstance(recipe.method, Features) else of_method
    settings = recipe.training.model_dump(exclude_unset=True, exclude=foreign)
    changed = recipe.model_dump(exclude_unset=True) | {
        "method": Features(kind="features"), "first": (), "vocabulary": Vocabulary(extend="off", trim="off"),
        "ensemble": Ensemble(ngrams="off"), "training": {**settings, "dropout": 0.0},
    }  # fmt: skip
    return file.model_copy(update={"recipe": type(recipe).model_validate(changed)})


def _without(corpus: Corpus, tag: str) -> Corpus:
    return replace(corpus, train=tuple(row for row in corpus.train if row.language != tag))


@dataclass(frozen=True)
class _Heads:
    """Trains heads over one base, which stays as it is."""

    plan: Plan
    accelerator: Accelerator
    base: Any
    adapted: Adapted
    seeds: int

    def dev(self, corpus: Corpus) -> list[float]:
        """The best score on dev for each seed."""
        first = self.plan.recipe.training.seed
        return [self._trained(corpus, seed) for seed in range(first, first + self.seeds)]

    def _trained(self, corpus: Corpus, seed: int) -> float:
        settings = self.plan.recipe.training.model_copy(update={"seed": seed})
        plan = replace(self.plan, recipe=self.plan.recipe.model_copy(update={"training": settings}))
        predictor = CLASSIFICATION.build(self.adapted, self.base, plan, corpus, self.accelerator)
        steps = train(
            predictor.model, CLASSIFICATION.objective(predictor, plan, corpus), settings, accelerator=self.accelerator,
            micro_batch_tokens=plan.micro_batch_tokens,
        )  # fmt: skip
        return max(step.dev for step in steps if step.dev is not None)


def _worth(tag: str, rows: int, whole: Sequence[float], without: Sequence[float]) -> Worth:
    differences = [one - other for one, other in zip(whole, without, strict=True)]
    return Worth(tag, rows, fmean(without), fmean(differences), min(differences), max(differences))
