"""The reload check: a fresh process loads the saved model and must predict what the trained model predicted.

Saving can fail silently: an adapter without its embedding rows, a head that is tied again when it is loaded. The scores of a run
would then be those of a model that nobody can ever load.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lowres
from lowres.atomic import write_whole
from lowres.bounded import read_bounded_json
from lowres.errors import ModelError, Problem
from lowres.planning import Options
from lowres.runs.layout import MODEL
from lowres.runs.run import load_predictor

TOLERANCE = 2e-3  # largest difference of probabilities: a GPU adds in another order
SAMPLE_SIZE = 8
RELOAD = "reload.json"
REPORT = "the model was not saved as it was trained: a fault of lowres; please report it with this folder"
# Nothing in the current folder is imported (-P), such as a statistics.py; lowres itself is found last, in the folder it is in.
START = "import sys; sys.path.append(sys.argv[1]); from lowres.runs.reload_check import main; main()"
Inputs = Sequence[Sequence[str]]  # texts, each with its languages


@dataclass(frozen=True)
class ReloadSample:
    """Texts with their languages, and what the trained model predicted for them."""

    inputs: Inputs
    answers: Sequence[Any]


def write_sample(run: Path, sample: ReloadSample) -> None:
    """Write the sample into the folder of the run, so that the check can be repeated."""
    text = json.dumps({"inputs": sample.inputs, "answers": sample.answers}, ensure_ascii=False, indent=1)
    write_whole(run / RELOAD, text + "\n")


def read_sample(run: Path) -> ReloadSample:
    """The sample of a run. Raises ModelError if the run has none."""
    try:
        found = read_bounded_json(run / RELOAD)
        return ReloadSample(found["inputs"], found["answers"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(Problem(str(run / RELOAD), f"cannot be read: {error}", "did the run end well?")) from error


def check_reload(run: Path, sample: ReloadSample, options: Options) -> None:
    """Load the saved model of a run in a fresh process and compare its predictions with the sample.

    Raises ModelError if the model cannot be loaded or predicts otherwise.
    """
    write_sample(run, sample)
    folder = run / MODEL
    request = {
        "folder": str(folder.resolve()), "cache": str(options.cache.resolve()), "offline": True,
        "device": options.device, "threads": options.threads, "inputs": sample.inputs,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-P", "-X", "utf8", "-c", START, str(Path(lowres.__file__).parents[1])],
        input=json.dumps(request),
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "HF_HUB_OFFLINE": "1"},  # all that the model needs is here
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise ModelError(Problem(str(folder), f"cannot be loaded again: {last[0]}", REPORT))
    answers = json.loads(done.stdout.strip().splitlines()[-1])
    for text, expected, found in zip(sample.inputs, sample.answers, answers, strict=True):
        if not same(expected, found):
            raise ModelError(
                Problem(
                    str(folder), f"predicts {found} for “{text[0]}”; the trained model predicted {expected}", REPORT
                )
            )


def same(expected: Any, found: Any) -> bool:
    """Whether two texts are equal, or two lists of numbers equal within TOLERANCE."""
    if isinstance(expected, str):
        return bool(expected == found)
    return len(expected) == len(found) and all(abs(a - b) <= TOLERANCE for a, b in zip(expected, found, strict=True))


def answer(request: dict[str, Any]) -> list[Any]:
    """The predictions of the saved model that the request names."""
    options = Options(
        cache=Path(request["cache"]),
        offline=request["offline"],
        device=request["device"],
        threads=request["threads"],
    )
    answers: list[Any] = load_predictor(Path(request["folder"]), options).raw_predictions(request["inputs"])
    return answers


def main() -> None:
    """In the fresh process: read a request from standard input and write the predictions to standard output."""
    sys.stdout.write("\n" + json.dumps(answer(json.load(sys.stdin)), ensure_ascii=False))
