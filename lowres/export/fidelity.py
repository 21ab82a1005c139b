"""How an exported model compares with the run it was made from: the same answers, how good, how large, how fast."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from lowres.errors import ModelError, Problem
from lowres.evaluation.prediction_files import Row, read_predictions
from lowres.evaluation.resampling import Resampling
from lowres.record import Comparison
from lowres.runs.layout import PREDICTIONS
from lowres.runs.reload_check import Inputs, read_sample
from lowres.runs.run import Run

CHECKED = 100  # test rows that an export is tried on, at even distances
MOST_LOST = 2.0  # points of the primary metric that an export may score below the run on them
RESAMPLING = Resampling(0.95, 1000, 13)
MIB = 2**20


class Fidelity(BaseModel):
    """What was measured. `same` counts equal answers; `deviation` is the mean difference of `quantity` from the run's, at most
    `accepted`; `comparison` is the exported model's score less the run's, where the run keeps references; seconds are for all texts.
    """

    model_config = ConfigDict(frozen=True)

    format: str
    bits: int
    texts: int
    same: int
    quantity: str
    deviation: float
    accepted: float
    comparison: Comparison | None
    seconds: float
    own_seconds: float
    threads: int
    mib: float
    own_mib: float

    def sentences(self) -> list[str]:
        """The measurement in lines."""
        lines = [
            f"{self.same} of {self.texts} answers are those of the run itself",
            f"{self.quantity} differs by {self.deviation:.2g} on average (accepted: {self.accepted:g})",
        ]
        if found := self.comparison:
            bounds = f"{found.low:+.1f}, {found.high:+.1f}"
            lines.append(
                f"{found.score} less that of the run itself: {found.difference:+.1f} ({found.confidence:.0%} interval {bounds}; "
                f"accepted: {-MOST_LOST:+.1f})"
            )
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        lines.append(
            f"{self.texts} texts took {self.seconds:.1f} s, the run itself {self.own_seconds:.1f} s ({threads})"
        )
        return [*lines, f"{self.mib:.1f} MiB, as one checkpoint in 32 bits {self.own_mib:.1f} MiB"]

    def refuse_unfaithful(self, run: Path) -> None:
        """Raises ModelError where the exported model is not the run's within the tolerance."""
        lost = 0.0 if self.comparison is None else -self.comparison.difference
        if self.deviation <= self.accepted and lost <= MOST_LOST:
            return
        more = "" if lost <= MOST_LOST else f", and it scores {lost:.1f} points lower"
        what = f"in {self.bits} bits {self.quantity} differs by {self.deviation:.2g} on average (accepted: {self.accepted:g}){more}"
        hint = "try --bits 32" if self.bits < 32 else "a fault of lowres; please report it with the run's folder"
        raise ModelError(Problem(str(run), what, hint))


@dataclass(frozen=True)
class Trial:
    """Inputs on which an export is tried: texts with their languages, and the rows they are from where the run keeps them."""

    inputs: Inputs
    rows: Sequence[Row]

    def comparison(
        self, compare: Callable[..., list[Comparison]], found: Sequence[Any], own: Sequence[Any], **more: Any
    ) -> Comparison | None:
        """The score of answers less that of the run's own; None where there are no references."""
        if not self.rows:
            return None
        references, clusters = ([str(row[key]) for row in self.rows] for key in ("reference", "cluster"))
        overall, *_ = compare(
            references, found, own, ["→".join(languages) for _, *languages in self.inputs], clusters, **more,
            against="the run itself", resampling=RESAMPLING,
        )  # fmt: skip
        return overall


def trial_of(run: Run, keys: Sequence[str]) -> Trial:
    """Test rows of a run, of which `keys` name text and languages; those of the reload check where the run keeps no test rows."""
    path = run.folder / PREDICTIONS
    if not path.exists():
        return Trial(read_sample(run.folder).inputs, ())
    rows: list[Mapping[str, Any]] = list(read_predictions(path).rows.values())
    chosen = [rows[number * len(rows) // CHECKED] for number in range(CHECKED)] if len(rows) > CHECKED else rows
    return Trial([[row[key] for key in keys] for row in chosen], chosen)


def timed(predict: Callable[[Inputs], list[Any]], inputs: Inputs) -> tuple[list[Any], float]:
    """The predictions for these inputs, and the seconds they took, after two that warm up."""
    predict(inputs[:2])
    start = time.perf_counter()
    found = predict(inputs)
    return found, time.perf_counter() - start


def mib_of(folder: Path) -> float:
    """The size of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / MIB


def weights_mib(model: Any) -> float:
    """The size of a model's weights in 32 bits, each counted once."""
    return float(sum(weight.numel() for weight in model.parameters()) * 4 / MIB)
