"""Does what was saved answer as what was trained? Asked of a fresh process, which knows no more than the files.

Saving can fail silently – an adapter without its rows, a head that was tied again –, and then a run's scores are those of
a model that nobody will ever load.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lowres.errors import ModelError, Problem
from lowres.planning import Options
from lowres.runs.layout import MODEL
from lowres.runs.run import load_predictor

CLOSE = 2e-3  # probabilities may differ by so much: sums are made in another order on a GPU
ASKED = 8
RELOAD = "trial.json"
REPORT = "the model was not saved as it was trained: a fault of lowres; please report it with this folder"
Asked = Sequence[Sequence[str]]


@dataclass(frozen=True)
class ReloadSample:
    """Texts with their languages, and what the trained model answers."""

    asked: Asked
    answers: Sequence[Any]


def write_sample(run: Path, sample: ReloadSample) -> None:
    """Keep it in the folder of the run, for whoever wants to ask again."""
    text = json.dumps({"asked": sample.asked, "answers": sample.answers}, ensure_ascii=False, indent=1)
    (run / RELOAD).write_text(text + "\n", encoding="utf-8")


def read_sample(run: Path) -> ReloadSample:
    """What a run's model was asked and answered. Raises ModelError where the run has none."""
    try:
        found = json.loads((run / RELOAD).read_text(encoding="utf-8"))
        return ReloadSample(found["asked"], found["answers"])
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(Problem(str(run / RELOAD), f"cannot be read: {error}", "did the run end well?")) from error


def check_reload(run: Path, sample: ReloadSample, options: Options) -> None:
    """Ask the saved model of a run the same in a fresh process. Raises ModelError where it cannot be loaded or answers otherwise."""
    write_sample(run, sample)
    folder = run / MODEL
    question = {
        "folder": str(folder.resolve()), "cache": str(options.cache.resolve()), "offline": options.offline,
        "device": options.device, "threads": options.threads, "asked": sample.asked,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "lowres.runs.reload_check"],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise ModelError(Problem(str(folder), f"cannot be loaded again: {last[0]}", REPORT))
    answers = json.loads(done.stdout.strip().splitlines()[-1])
    for text, expected, found in zip(sample.asked, sample.answers, answers, strict=True):
        if not same(expected, found):
            raise ModelError(
                Problem(str(folder), f"answers “{text[0]}” with {found}; the trained model said {expected}", REPORT)
            )


def same(expected: Any, found: Any) -> bool:
    """Equal texts, or numbers that differ by no more than CLOSE."""
    if isinstance(expected, str):
        return bool(expected == found)
    return len(expected) == len(found) and all(abs(a - b) <= CLOSE for a, b in zip(expected, found, strict=True))


def answer(question: dict[str, Any]) -> list[Any]:
    """What the saved model says."""
    options = Options(
        cache=Path(question["cache"]),
        offline=question["offline"],
        device=question["device"],
        threads=question["threads"],
    )
    answers: list[Any] = load_predictor(Path(question["folder"]), options).raw_predictions(question["asked"])
    return answers


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(answer(json.load(sys.stdin)), ensure_ascii=False))
