"""Shared by the evaluations of all tasks: every system is scored on the same rows, with the same settings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from lowres.evaluation.baselines import BaselineRun
from lowres.evaluation.resampling import Resampling
from lowres.planning import Plan
from lowres.record import Baseline, Comparison
from lowres.score import Score

Outputs = TypeVar("Outputs")


@dataclass(frozen=True)
class Evaluator(Generic[Outputs]):
    """Evaluates systems by their outputs on the test rows.

    `scores` returns every score of the run itself, `baseline_scores` those of another system; `compare` is the paired test of the
    run's outputs against those of another system, which the third argument names.
    """

    scores: Callable[[Outputs], list[Score]]
    baseline_scores: Callable[[Outputs], list[Score]]
    compare: Callable[[Outputs, Outputs, str], list[Comparison]]

    def baseline(self, run: BaselineRun[Outputs], *, ablation: bool = False) -> Baseline:
        """Another system with its scores; `ablation` says that it is a part of the run itself."""
        return Baseline(
            name=run.name,
            description=run.description,
            seconds=run.seconds,
            scores=self.baseline_scores(run.predictions),
            ablation=ablation,
        )

    def compare_with(self, run: BaselineRun[Outputs], ours: Outputs) -> list[Comparison]:
        """The paired comparisons of the run's outputs with those of another system."""
        return self.compare(ours, run.predictions, run.name)


def resampling_of(plan: Plan) -> Resampling:
    """The recipe's settings for intervals and p values."""
    settings = plan.recipe.evaluation
    return Resampling(settings.confidence, settings.resamples, plan.recipe.training.seed)
