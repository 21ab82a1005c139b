"""What the judgements of all tasks share: every system is scored on the same rows, with the same settings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from lowres.evaluation.baselines import BaselineRun
from lowres.evaluation.resampling import Resampling
from lowres.planning import Plan
from lowres.record import Baseline, Comparison, Score

Outputs = TypeVar("Outputs")


@dataclass(frozen=True)
class Jury(Generic[Outputs]):
    """Judges systems by their outputs on the test rows.

    `scores` gives every score of the run itself, `baseline_scores` those of another system; `compare` sets the run's outputs
    against another's, named by the third argument, in a paired test.
    """

    scores: Callable[[Outputs], list[Score]]
    baseline_scores: Callable[[Outputs], list[Score]]
    compare: Callable[[Outputs, Outputs, str], list[Comparison]]

    def baseline(self, run: BaselineRun[Outputs], *, ablation: bool = False) -> Baseline:
        """A simpler system, or a part of this one, and its scores."""
        return Baseline(
            name=run.name,
            description=run.description,
            seconds=run.seconds,
            scores=self.baseline_scores(run.predictions),
            ablation=ablation,
        )

    def against(self, run: BaselineRun[Outputs], ours: Outputs) -> list[Comparison]:
        """The run's outputs against those of another system, paired."""
        return self.compare(ours, run.predictions, run.name)


def resampling_of(plan: Plan) -> Resampling:
    """How the recipe wants intervals and p values to be found."""
    settings = plan.recipe.evaluation
    return Resampling(settings.confidence, settings.resamples, plan.recipe.training.seed)
