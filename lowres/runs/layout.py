"""The names of the files in the folder of a run, and in that of several."""

from pathlib import Path

RECIPE, LOCK, RECORD, REPORT = "recipe.yaml", "recipe.lock", "record.json", "report.html"
PREDICTIONS, LOG, MODEL = "predictions.jsonl", "log.jsonl", "model"
CHECKPOINTS = "checkpoints"
SUMMARY, SEED = "summary.json", "seed-"  # of several runs: what they say together, and how the folder of each begins
EVALUATIONS = "evaluations"  # of a finished run on other data


def seed_folder(folder: Path, seed: int) -> Path:
    """The folder of the run with this seed, in the folder of several runs."""
    return folder / f"{SEED}{seed}"


def runs_of(folder: Path) -> list[Path]:
    """The runs of several seeds in a folder, in the order of the seeds; a folder or file without such runs stands for itself."""
    inner = folder.glob(f"{SEED}*") if folder.is_dir() else ()
    runs = {int(seed): path for path in inner if (seed := path.name.removeprefix(SEED)).isdecimal() and path.is_dir()}
    return [runs[seed] for seed in sorted(runs)] or [folder]
